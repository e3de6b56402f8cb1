use alk_pubsub_core::{PubSub, event_map};

event_map! {
    struct Events {
        Tick("tick") => u32,
    }
}

fn main() {
    let pubsub = PubSub::<Events>::in_process();
    let _ = pubsub.publish(Tick, "clock", "one");
}
