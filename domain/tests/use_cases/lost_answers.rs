//! Commits whose answer is lost.

use portcullis_domain::Failure;
use portcullis_domain::administration::SetPasswordError;
use portcullis_domain::caller::Caller;

use crate::administration_scene::{manage, set_password};
use crate::faulty::faulty_world;

const NEW: &str = "a rather different phrase";

#[tokio::test]
async fn a_password_that_was_set_without_an_answer_is_not_reported_as_an_invalid_link() {
    let (world, fault) = faulty_world().await;
    let (ann, _) = world.signed_in("ann").await;
    let administration = &world.app.administration;
    let link = administration.password_link(manage(&Caller::operator(), &ann)).await.expect("a link");
    fault.asked();
    fault.leave_unanswered(true);
    let unknown = administration.set_password(set_password(&link.token, NEW)).await;
    assert!(matches!(unknown, Err(SetPasswordError::Failure(Failure::Unavailable(_)))), "{unknown:?}");
    let commits = fault.asked().into_iter().filter(|asked| *asked == "commit").count();
    assert_eq!(commits, 1, "nobody knows what became of it: it is not done again");
    fault.leave_unanswered(false);
    world.try_log_in("ann", NEW).await.expect("it was set");
    let used = administration.set_password(set_password(&link.token, NEW)).await;
    assert!(matches!(used, Err(SetPasswordError::Invalid)), "{used:?}");
}
