use alk_pubsub_core::{PubSub, event_map};

event_map! {
    struct Clock {
        Tick("tick") => u32,
    }
}

event_map! {
    struct Bell {
        Ring("ring") => u32,
    }
}

fn main() {
    let pubsub = PubSub::<Clock>::in_process();
    let _ = pubsub.publish(Ring, "door", 1);
}
