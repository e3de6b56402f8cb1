use alk_pubsub::{PubSub, event_map};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Status {
    Idle,
    Busy,
}

event_map! {
    /// What this application publishes.
    struct AppEvents {
        SessionStatus("session.status") => Status,
        MessageUpdated("message.updated") => String,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pubsub = PubSub::<AppEvents>::in_process();

    let mut all = pubsub.subscribe(SessionStatus).await?; // every id of the type
    let mut one = pubsub.subscribe_to(SessionStatus, "project-1").await?; // one topic

    pubsub.publish(SessionStatus, "project-1", Status::Busy).await?; // type, id, payload: always three

    let event = all.recv().await.ok_or("closed")?;
    assert_eq!((event.event_type(), event.id()), ("session.status", "project-1"));
    assert_eq!(event.payload(), &Status::Busy);
    assert_eq!(one.recv().await.ok_or("closed")?.payload(), &Status::Busy);
    Ok(())
}
