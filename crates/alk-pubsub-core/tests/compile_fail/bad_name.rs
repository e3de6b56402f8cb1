use alk_pubsub_core::event_map;

event_map! {
    struct Events {
        Tick("tick:tock") => u32,
    }
}

fn main() {}
