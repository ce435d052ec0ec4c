//! The gym that tests begin with.
use gatehouse_core::auth::model::Permission;
use gatehouse_testkit::TestGym;

#[tokio::test]
async fn a_new_gym_has_staff_desks_and_nobody_else() {
    let gym = TestGym::new().await;
    assert_eq!(gym.count("select count(*) from desks").await, 2);
    assert_eq!(gym.count("select count(*) from members").await, 0);
    assert!(gym.reception.require(Permission::Sell).is_ok());
    assert!(gym.reception.require(Permission::EditPlans).is_err());
    assert_eq!(gym.owner.branch().expect("a branch"), gym.branch);
    gym.member("Mona Adel").await;
    assert_eq!(gym.count("select count(*) from members").await, 1);
}
