use std::sync::Arc;

use async_trait::async_trait;
use backends::conformance::{self, Subject};
use backends::{
    Call, ErrorClass, Fault, Instance, InstanceSpec, InstanceState, Limits, MemoryProvisioner, OperationId, Owner,
    Provisioner,
};

struct Memory(MemoryProvisioner);

#[async_trait]
impl Subject for Memory {
    fn provisioner(&self, owner: &Owner) -> Arc<dyn Provisioner> {
        Arc::new(self.0.on_same_machine(owner.clone()))
    }

    async fn crash(&self, instance: &Instance) {
        self.0.crash(&instance.id);
    }
}

#[tokio::test]
async fn the_in_memory_provisioner_conforms() {
    conformance::run(&Memory(MemoryProvisioner::new("anyone".parse().unwrap()))).await;
}

fn spec() -> (OperationId, InstanceSpec) {
    let spec = InstanceSpec {
        owner: "demo".parse().unwrap(),
        name: "shard-2".parse().unwrap(),
        database: "app".into(),
        limits: Limits::default(),
    };
    ("op-1".parse().unwrap(), spec)
}

#[tokio::test]
async fn an_injected_failure_happens_once_and_has_the_effect_it_says() {
    let (operation, spec) = spec();
    let provisioner = MemoryProvisioner::new(spec.owner.clone());
    let count = async || provisioner.list(&spec.owner).await.unwrap().len();
    provisioner.inject(Call::Create, Fault::Fail(ErrorClass::Quota));
    provisioner.inject(Call::Create, Fault::FailAfter(ErrorClass::Timeout));

    let before = provisioner.create(&operation, &spec).await.unwrap_err();
    assert_eq!((before.class(), count().await), (ErrorClass::Quota, 0));
    let after = provisioner.create(&operation, &spec).await.unwrap_err();
    assert_eq!((after.class(), count().await), (ErrorClass::Timeout, 1));
    let third = provisioner.create(&operation, &spec).await.unwrap();
    assert_eq!((third.state, count().await), (InstanceState::Ready, 1));
    let calls = [Call::Create, Call::List].repeat(3);
    assert_eq!(provisioner.calls(), calls);
}

#[tokio::test]
async fn a_create_that_hangs_after_its_effect_is_resumed_by_the_same_operation() {
    let (operation, spec) = spec();
    let provisioner = MemoryProvisioner::new(spec.owner.clone());
    provisioner.inject(Call::Create, Fault::HangAfter);
    let hanging = provisioner.create(&operation, &spec);
    // It has its effect when it is first polled; the deadline only drops it.
    let dropped = tokio::time::timeout(std::time::Duration::ZERO, hanging).await;
    assert!(dropped.is_err());
    let orphan = provisioner.list(&spec.owner).await.unwrap().remove(0);
    assert_eq!(provisioner.create(&operation, &spec).await.unwrap(), orphan);
}

#[tokio::test]
async fn a_half_made_instance_is_listed_and_only_its_create_finishes_it() {
    let (operation, spec) = spec();
    let provisioner = MemoryProvisioner::new(spec.owner.clone());
    provisioner.leave_half_made(ErrorClass::Transient);
    provisioner.create(&operation, &spec).await.unwrap_err();
    let half = provisioner.list(&spec.owner).await.unwrap().remove(0);
    assert_eq!(half.state, InstanceState::Creating);
    provisioner.start(&half.id).await.unwrap_err();
    let whole = provisioner.create(&operation, &spec).await.unwrap();
    assert_eq!((whole.state, whole.id), (InstanceState::Ready, half.id));
}
