//! Known answers: made once, with the libraries named here, for passwords that are here too.

/// The password of [`KNOWN`], [`WITHOUT_COUNT`] and the exports.
pub(crate) const GRUESSE: &str = "Grüße, Welt 1";

/// Who made it, and what.
pub(crate) const KNOWN: &[(&str, &str)] = &[
    (
        "Werkzeug 3.1.9",
        "pbkdf2:sha256:600$t8x0Ymnq10A67xTK$ff72b7b69485de54589fc947e30c93be89d56eb709a576e54efc964e429f22de",
    ),
    ("Werkzeug 3.1.9", "pbkdf2:sha1:600$mxrFf3Wy2fmyuewg$71a62f1c9eb303941ad2190e2db7d14529d95c9d"),
    (
        "Werkzeug 3.1.9",
        "pbkdf2:sha512:600$RgZilUSzLeipDxGw$3b90e9df0aa4005fb66caf4cf8cf6068699d6a0f1c3a8ff8f1288850449ba476872747f3b7c1313ac91c2e480233043cc1a7864a6f9845f9d7eeabaf2e43e8da",
    ),
    (
        "Werkzeug 3.1.9, its default of then",
        "pbkdf2:sha256:1000000$0MIu2wT2Z29uDIGo$79af24d80aafa724e7e3fddb7f99df54823c54fd6562fce0003d3beec27e0e16",
    ),
    (
        "Werkzeug 3.1.9, its default",
        "scrypt:32768:8:1$q3VtVP4739cXE2I1$1023c0c2eb96f32cf3303d9876e8b7fd5624ca1b7b473d9c7fcb17d6f33aa3d0cd13666c20c2a21484442d2545dfac65c218fc6441897aae5287626f09bc1c8c",
    ),
    (
        "Werkzeug 3.1.9",
        "scrypt:1024:8:1$uq7aPUJn1FuOmGdq$712ddef0f0cd2ee9f4376f28eaa689487b85f977e925dc1083dda95b038b1fd27dda7dceb8f762dbea6dde20c7584b1c83bf3d415edd05285146304faa8f52e7",
    ),
    (
        "Django 5.2.19, its default",
        "pbkdf2_sha256$1000000$Xb71mBFVep2sLGJ1jw4guz$cDu4DOBVeYpJvcYNau29zSdqR2vdC5nljSynpf7HCKo=",
    ),
    ("Django 5.2.19", "pbkdf2_sha256$600$NaClNaClNaClNaClNaClNa$cVTX3CEpCDx7K5WxY5gCGqOw9BKSLVeuVpOCse/CaSY="),
    ("Django 5.2.19", "pbkdf2_sha1$600$NaClNaClNaClNaClNaClNa$rZOgLHXMKyFFF7La8WgILxCB4qM="),
    (
        "Django 5.2.19, its default, argon2-cffi 25.1.0",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$Nmt5MFlYdTd0bU1wVE44aTVnbjFoWA$qLQMt2j5FCGvOiXocCvazxj7Us2bvg0HZAXwovhbXP0",
    ),
    (
        "Django 5.2.19, argon2-cffi 25.1.0",
        "argon2$argon2id$v=19$m=64,t=1,p=1$eFJRSkR3SGtMRXJPM3F4MGRDRGZsdQ$PApEQAUSf+kHhJgszZTEe+4yzxxMh/dJWEOmeIfBrfY",
    ),
    (
        "Django 5.2.19, its default, bcrypt 4.0.1",
        "bcrypt_sha256$$2b$12$v8pFdQS2ECXUcayj0H8G5Oe8/M0N8VXyNkbTB83l/yJjFC1OZ3Gja",
    ),
    ("Django 5.2.19, bcrypt 4.0.1", "bcrypt_sha256$$2b$04$kYKnAptKtdmisNaZGmgCOO5iBShP9Ymsm1lSg/7mn/BoFHMjP2.Fy"),
    ("Django 5.2.19, bcrypt 4.0.1", "bcrypt$$2b$04$.AsiRXu/3wWFess32Ub4heErY5mniCAmGP.tUGhj1CF0fCKeynTQe"),
    (
        "Django 5.2.19, its default",
        "scrypt$16384$DHyehR813sai15jrgQnghW$8$5$T7TArv6eeNBDlvciQJseQSQhBSCyy9bf+qOLGYlTDfRuKzTG8q5HTeouXy7GxjVVCEctzn4wCYORMeTjshMIEg==",
    ),
    (
        "Django 5.2.19",
        "scrypt$1024$NaClNaClNaClNaClNaClNa$8$5$hG3LrxAQ5zM2USRHcTmemRBY/9lFXFPZsarP6WWeTR96Y/uO8L+xg9T8EkBOw2o8nOewpozt4EgSF7LEV3ufPQ==",
    ),
    ("passlib 1.7.4", "$pbkdf2$600$aY1xLmVMCcG4N4ZQSgkB4A$cH6MA5cal/kWZrKsnNM9Cx5nJ6I"),
    ("passlib 1.7.4", "$pbkdf2-sha256$600$E8KYcy7lXMt5z1kLwXjPeQ$xLciAN3xoa.V2IjWpmpE2XVjNnF3dLMc1SQcNY4mPqQ"),
    (
        "passlib 1.7.4",
        "$pbkdf2-sha512$600$stZ6z3lvbe1da21NiZGSUg$bmwjzrQDATVYMCkdMf8Op/lLMNrJD1qraAQHvXGzRmcRhCWoaxHH4HbPlPZrEtrWvXjGfWwC4KZvjIiZ6vNGPg",
    ),
    ("passlib 1.7.4", "$scrypt$ln=10,r=8,p=1$PkeIsRYCoDRGiDFmDIFQag$FD+GidJd/FKnOgYg/dBOyGalKEAfvceyiP4s0x+H0xc"),
    (
        "passlib 1.7.4, bcrypt 4.0.1",
        "$bcrypt-sha256$v=2,t=2b,r=4$6MR2tnAplw3l90bH7.xpi.$SH9jaP2YQN1IUogh7yD8fXAYv1ek2Pe",
    ),
    ("passlib 1.7.4, bcrypt 4.0.1", "$bcrypt-sha256$2b,4$WwtaEZ05iVlmMIBeV015YO$GUf1J0tczUSr/p.uIfpV4QxvR2AVM0W"),
    ("passlib 1.7.4, LDAP", "{PBKDF2-SHA256}600$pNRaay3lPMf435szJoSwVg$Ksh6KUTSEIX9Ad.2rY8mS7STHr52YUfAZ5zSSTOs5tE"),
    ("passlib 1.7.4, LDAP", "{PBKDF2}600$dQ6hFMJ4TyklJIRQqpXyvg$K1AD0NsxnvitKk0E1Ig7OEs8iAc"),
    (
        "passlib 1.7.4, LDAP",
        "{PBKDF2-SHA512}600$AGBMKWUModR6jxGCcO6dcw$n65WuvJRZ7W2amJjG2DxqqyuTFYKSWV1EPgxfdXXepxX5LrAZU6u0P5MJTbPcxOSQfK5xjZsB9N/LsJ2wRMfQQ",
    ),
    ("passlib 1.7.4, LDAP, bcrypt 4.0.1", "{CRYPT}$2b$04$j/3d5NGA9C8l6pXWZVbzPuwt4orJbGIAYowy5ZbYCURDPWGMpjdHW"),
    ("passlib 1.7.4, Atlassian", "{PKCS5S2}jtHa2ztHCCGkdA4hRIiRssc8i/uPlWtHDANsPfV7Y0rCSTpsCr03JH3ERRuSRdZR"),
    ("passlib 1.7.4, cta", "$p5k2$258$R2jNmZMyBsC4l_L-H4Pwng==$zLxyJmAKHjXzllkIiY9U55KYpMk="),
    ("passlib 1.7.4, dlitz", "$p5k2$258$FTkqcTOt2t2.R0Br$gvvili.KGKV60RHHWi7yqRn2zTURh.uQ"),
    (
        "passlib 1.7.4, GRUB",
        "grub.pbkdf2.sha512.600.FD5FCB794FC9798FD15A0B01602C65AC95921242A8350620E4FC7F6F8D51AA558AB196B2764EE99DF35E8B919272EE7D6F4DC93967ACF55E4B09E19CB39672EE.BAC6AE705F4D693F749A3B021508F63531C95E3C6DC4351CFEC419D9BA8A36E4CE76AB956FF03230495BAB5BA3C9C6AC0AAB6F33E135AFC429583AA1189EB821",
    ),
    ("bcrypt 4.0.1", "$2b$04$9xKFloAphv3tiAQruAJOcOfwM7BpeEuCqGY.3IvuEaxm5Fr5gANt6"),
    ("bcrypt 4.0.1", "$2a$04$DjzTlroslFlIGuXQ8idoLu5BzL9o3IKs3V5L/1J3/DYlJRy1Uss8e"),
    ("bcrypt 4.0.1", "$2y$04$z4X0iFAhbFWKP95nOtB.VOX4LD4nMR2yP0SgbgIPpQkoQLqbF.c0u"),
    (
        "argon2-cffi 25.1.0",
        "$argon2id$v=19$m=64,t=1,p=1$1Np7r7XW+j8nJATAGIMQQg$MbQgx0Nn4MbHq32lTY0xSFNDjobJfS68IoWQtdC3SKk",
    ),
    (
        "argon2-cffi 25.1.0",
        "$argon2i$v=19$m=64,t=1,p=1$iRaonFv54KjAckqbCAVdPQ$iFUzZEu8czb8ADY5AsvkBrXvTqf2StPgc5fXLHVKF5w",
    ),
    (
        "argon2-cffi 25.1.0",
        "$argon2d$v=19$m=64,t=1,p=1$Kl+MWgphQoBtmWvMeoYTYg$rhgWIpQpcD/f3Gk2dxiTK6t+z9sXuQm1CvToDpez3nE",
    ),
];

/// The outputs of PBKDF2-HMAC-SHA-256 over the salt `abcdefgh12345678`, by Python 3's hashlib, with each default of
/// Werkzeug. The last one Werkzeug 3.1.9 verifies itself as `pbkdf2:sha256$abcdefgh12345678$…`.
pub(crate) const WITHOUT_COUNT: [(u32, &str); 6] = [
    (1_000, "c55881e9df933215e01df9ddc32ffafab3d45dfa1feb8e50d1c1ea170c7357a4"),
    (50_000, "ee0ac3ad0987572941de26d3c59aeec29665d69dc4d1fb8f599c5305c573056a"),
    (150_000, "d9286c716a56b7dabd5d8dc29bf19cc521984772ffe02956dee6fdc88a0e6ebe"),
    (260_000, "2792687ba8068594513be3b62bf7c2eb57e4d40bf5c9ba728d5c219a1493fc44"),
    (600_000, "07a60d38465d5c13b878250622ccda11e459e7d136447d8cb7f53ab604c16276"),
    (1_000_000, "ea2e1624da3eca72f293709b4490403f13d6c724c3796b2ae255005498d410b6"),
];

/// Of the digits 0 to 9 eight times, by bcrypt 4.0.1.
pub(crate) const EIGHTY: &str = "$2b$04$3APjOYIE0v1URyVFsNfJFeJpb00bXWRXpLw8AN6eCgZvYCVQM5g26";
/// Of the first 72 of them.
pub(crate) const SEVENTY_TWO: &str = "$2a$04$ufoS5PnKH.COqhw2SKntMengV4sdq18nBbbtBuTX97Ne8iExhCdh.";
/// Of all 80 by Django 5.2.19.
pub(crate) const EIGHTY_DJANGO: &str = "bcrypt_sha256$$2b$04$8RIO09JZQDrL8Ib..UT1juKH0/Ac2EaR.NlAfWzvbm//8R2iu6vdW";
/// Of all 80 by passlib 1.7.4.
pub(crate) const EIGHTY_PASSLIB: &str =
    "$bcrypt-sha256$v=2,t=2b,r=4$dTQZ8CTSu6MosMnDtYi3eu$rUB0WFFX9XWx9mw28dqfET7Sn0sL7re";
/// Of all 80 by passlib 1.7.4 in its first version.
pub(crate) const EIGHTY_PASSLIB_1: &str = "$bcrypt-sha256$2b,4$CvmbwBoupthbQPX0pXm8Re$JrLIbQdgSyj5HIlREYOMzZX2zhqN0me";

/// 20,000 iterations to 64 bytes over the salt `0123456789abcdef`, as Keycloak does: by Python 3's hashlib.
pub(crate) const KEYCLOAK_SHA1: &str = "8175487d24821a0e68a8a89c2bd1e5cecaf86ad6b39d05d60aa074603560498fd96dcdfd8a88d0ecbd7dce9339053ad9cf978008b21782c5ab53e190d2fd165c";
/// 27,500 iterations to 64 bytes.
pub(crate) const KEYCLOAK_SHA256: &str = "f5a2ce213b8d42f4621985be030a6130ed2c9230acba4bd8b126fe99460951cda74d3eabe135952223dfcb402b70d7efbfc0a4a5a3dfd9c74df664b970dfcad9";
/// 210,000 iterations to 64 bytes.
pub(crate) const KEYCLOAK_SHA512: &str = "fe13c0f0ff16cc4cedea554cb0b66b47475d242aec25f2537106398ca3d15100769ea1792b841608f4c80d920fb2bdaf853220f2cb50a1c0b4a66f34b6aa4be9";
/// argon2id with 7 MiB, 5 passes and one lane over the same salt: by argon2-cffi 25.1.0.
pub(crate) const KEYCLOAK_ARGON2: &str = "348a59e348f45c138d37a33e0cf2f367e4f879d9337fcad3b455c250c7779d53";
/// scrypt with N = 16384, r = 8, p = 1 over the same salt: by Python 3's hashlib.
pub(crate) const AUTH0_SCRYPT: &str = "6aa5884ecc2ab0a70cbca7a69d2681c0a412b835c67ff1427f8c791c2ff31e75c727eb255a2bbfed28beb6e01a8f3645ee98661359d6b4092c89572ab092d482";
