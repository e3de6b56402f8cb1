use super::{
    active, bad_message, closing, dropping, gaps, lag, once, one_way, order, publishing, reconnecting,
};
use crate::check::checks;

checks! { $
    1 active::what_is_published_after_subscribe_is_received;
    1 active::events_wait_before_the_first_poll;
    1 active::listeners_hear_what_is_published_after_they_were_added;
    1 active::a_second_subscriber_is_active_as_the_first_is;
    1 active::a_topic_hears_its_id_a_type_every_id_and_everything_all;
    1 active::any_id_is_told_from_any_other;
    2 order::one_publishers_events_on_a_topic_come_in_the_order_published;
    2 order::dispatches_take_their_place_when_they_are_called;
    2 order::all_subscribers_of_a_topic_see_one_order;
    3 once::an_event_comes_once_to_each_of_several_subscriptions;
    3 once::an_event_comes_once_while_other_interests_come_and_go;
    3 once::an_event_that_is_published_twice_comes_twice;
    4 one_way::a_publisher_hears_its_own_events_once;
    5 lag::drop_oldest_leaves_out_the_oldest;
    5 lag::latest_keeps_the_newest_event_of_each_topic;
    5 lag::close_ends_the_one_that_lags;
    5 lag::block_makes_the_publisher_wait requires Block;
    5 lag::try_publish_does_not_wait requires Block;
    5 lag::dropping_who_is_full_releases_the_publisher requires Block;
    5 lag::block_is_refused_where_it_cannot_be_kept requires NoBlock;
    5 lag::a_stalled_subscriber_delays_nobody;
    5 lag::a_bound_of_nothing_is_refused;
    6 gaps::overflow_stands_where_events_are_missing;
    6 gaps::all_that_was_missed_is_counted;
    7 bad_message::what_cannot_be_decoded_is_a_gap_and_the_stream_goes_on;
    7 bad_message::what_is_no_event_harms_nobody requires RawBytes;
    8 dropping::what_is_dropped_is_unsubscribed requires Interests;
    8 dropping::what_is_dropped_receives_nothing requires ExactReceivers;
    8 dropping::one_that_goes_leaves_the_others_alone;
    8 dropping::dropping_needs_no_runtime;
    8 dropping::dropping_while_unwinding_is_dropping;
    8 dropping::giving_up_on_a_subscription_unsubscribes requires Interests;
    8 dropping::racing_subscribe_and_unsubscribe_converge;
    8 dropping::a_removed_listener_hears_nothing;
    9 publishing::that_nobody_listens_is_success;
    9 publishing::the_number_of_receivers_is_exact requires ExactReceivers;
    9 publishing::try_publish_delivers_too;
    9 publishing::names_that_break_the_rules_are_refused;
    9 publishing::any_payload_arrives_as_it_was;
    9 publishing::what_cannot_be_encoded_is_refused requires Encodes;
    9 publishing::the_largest_event_arrives_and_a_larger_one_is_refused requires EventLimit;
    10 closing::subscriptions_hand_out_what_they_hold_and_end;
    10 closing::closing_twice_is_fine;
    10 closing::new_calls_fail_with_closed;
    10 closing::listeners_are_told_once;
    10 closing::the_state_says_closed;
    11 reconnecting::a_reconnect_is_a_gap_in_every_subscription requires Outages;
    11 reconnecting::what_is_published_after_a_reconnect_is_received requires Outages;
    11 reconnecting::what_came_and_went_meanwhile_is_as_it_is_wanted requires Outages;
    11 reconnecting::a_second_loss_is_a_second_gap requires Outages;
    11 reconnecting::publishing_without_a_connection_fails_at_once requires Outages;
}
