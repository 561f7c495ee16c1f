//! The export of a Firebase project (`firebase auth:export FILE --format=json`). Phone numbers, social identities and
//! second factors are not taken over; who has no address cannot be an account here.

use portcullis::hash_forms;
use portcullis_domain::accounts::Import;

use super::base64::decode;
use super::draft::{Draft, Field};
use super::members::{Object, text, truth, whole};
use super::parameters::FirebaseParameters;

/// What stands in the place of a hash that the exporter was not allowed to see.
const REDACTED: &[u8] = b"REDACTED";

/// A user of the list `users`.
pub(super) fn account(user: &Object, parameters: Option<&FirebaseParameters>) -> Result<Import, String> {
    let mut draft = Draft::default();
    if let Some(email) = text(user, "email")? {
        draft.set(Field::Email, email);
    }
    draft.verified(truth(user, "emailVerified")?.unwrap_or(false));
    draft.enabled(!truth(user, "disabled")?.unwrap_or(false));
    if let Some(millis) = whole(user, "createdAt")? {
        draft.opened(millis);
    }
    match password(user, parameters) {
        Ok(None) => {}
        Ok(Some(hash)) => draft.set(Field::PasswordHash, &hash),
        Err(why) => draft.refuse(Field::PasswordHash, why),
    }
    draft.finish()
}

fn password(user: &Object, parameters: Option<&FirebaseParameters>) -> Result<Option<String>, String> {
    let Some(hash) = text(user, "passwordHash")?.filter(|hash| !hash.is_empty()) else { return Ok(None) };
    let hash = decode(hash).ok_or("passwordHash is not base64")?;
    if hash == REDACTED {
        return Err("passwordHash is redacted: export again with the role Firebase Authentication Admin".to_owned());
    }
    let salt = decode(text(user, "salt")?.unwrap_or_default()).ok_or("salt is not base64")?;
    let parameters = parameters.ok_or("the hash parameters of the project are needed: --firebase-params FILE")?;
    Ok(Some(hash_forms::firebase(parameters.project(), &salt, &hash)))
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Timestamp;
    use portcullis_domain::accounts::UserStatus;
    use serde_json::json;

    use crate::exchange::tests::rows_with;
    use crate::exchange::{FirebaseParameters, Format};

    #[test]
    fn firebase_users_get_the_parameters_of_their_project() {
        let parameters = "base64_signer_key: a2V5a2V5\nbase64_salt_separator: Bw==\nrounds: 8\nmem_cost: 14\n";
        let parameters = FirebaseParameters::parse(parameters).unwrap();
        let export = json!({ "users": [
            { "localId": "x", "email": "ada@example.com", "emailVerified": true, "passwordHash": "aGFzaA==",
              "salt": "c2E_", "createdAt": "1700000000123", "disabled": true, "providerUserInfo": [] },
            { "localId": "y", "phoneNumber": "+49" },
            { "localId": "z", "email": "b@example.com", "passwordHash": "UkVEQUNURUQ=", "salt": "" },
            { "localId": "w", "email": "c@example.com", "passwordHash": "", "createdAt": "1700000000123" },
        ] });
        let found = rows_with(export.to_string().as_bytes(), Format::Firebase, Some(&parameters));
        let ada = found[0].account.as_ref().unwrap();
        let expected = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=a2V5a2V5$c2E/$aGFzaA==";
        assert_eq!(ada.password_hash.as_deref(), Some(expected));
        assert_eq!((ada.email_verified, ada.status), (true, UserStatus::Disabled));
        assert_eq!(ada.created_at.map(Timestamp::as_unix_micros), Some(1_700_000_000_123_000));
        let told = |at: usize| found[at].account.as_ref().err().cloned().unwrap_or_default();
        assert!(told(1).starts_with("email: is missing"));
        assert!(told(2).starts_with("password_hash: passwordHash is redacted"));
        assert!(found[3].account.as_ref().is_ok_and(|account| account.password_hash.is_none()));
    }
}
