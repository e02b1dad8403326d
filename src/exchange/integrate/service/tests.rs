//! Paths in S3's form. What is sent and signed as a whole is tested with a stand-in that checks it
//! (`tests/managed/services.rs`) and with moto's server (`tests/contract/test_services.py`).

use super::*;
use proptest::prelude::*;

#[test]
fn paths_of_s3_are_encoded_in_one_way() {
    for (sent, expected) in [
        ("/bucket/a/b.txt", "/bucket/a/b.txt"),
        ("/bucket/a b!(1)", "/bucket/a%20b%21%281%29"),
        ("/bucket/a%20b%21", "/bucket/a%20b%21"),
        ("/bucket/a+b:c@d", "/bucket/a%2Bb%3Ac%40d"),
        ("/bucket/%e1%88%b4", "/bucket/%E1%88%B4"),
        ("/bucket//a", "/bucket//a"),
        ("/bucket/50%", "/bucket/50%25"),
    ] {
        assert_eq!(key_path(sent), expected, "{sent}");
    }
}

proptest! {
    #[test]
    fn a_path_in_that_form_stays_as_it_is(path in "/[ -~]{0,40}") {
        let once = key_path(&path);
        prop_assert_eq!(key_path(&once), once);
    }
}
