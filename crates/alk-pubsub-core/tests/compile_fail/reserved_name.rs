use alk_pubsub_core::event_map;

event_map! {
    struct Events {
        Gap("__gap") => u32,
    }
}

fn main() {}
