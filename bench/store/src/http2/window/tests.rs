use super::*;

#[test]
fn the_connection_window_runs_out_and_is_refilled() {
    let mut window = SendWindow::new();
    assert!(window.take(65_000).unwrap());
    assert!(!window.take(600).unwrap(), "535 bytes are left");
    assert!(window.take(535).unwrap());
    assert!(!window.take(1).unwrap());

    window.grant(600).unwrap();
    assert!(window.take(600).unwrap());
    assert!(!window.take(1).unwrap());
}

#[test]
fn a_request_above_the_stream_window_is_an_error() {
    let mut window = SendWindow::new();
    window.set_per_stream(100).unwrap();
    assert!(window.take(101).is_err());
    assert!(window.take(100).unwrap());
}

#[test]
fn a_window_cannot_exceed_the_protocols_limit() {
    let mut window = SendWindow::new();
    assert!(window.grant(LARGEST).is_err());
    window.grant(LARGEST - DEFAULT).unwrap();
    assert!(window.set_per_stream(LARGEST + 1).is_err());
}

#[test]
fn the_receive_window_is_refilled_by_what_was_used() {
    let mut window = ReceiveWindow::default();
    let half = usize::try_from(REFILL_AT).unwrap();
    assert_eq!(window.use_up(10).unwrap(), None);
    assert_eq!(window.use_up(half).unwrap(), Some(REFILL_AT + 10));
    assert_eq!(window.use_up(1).unwrap(), None);
}

#[test]
fn a_server_that_ignores_our_window_is_found_out() {
    let mut window = ReceiveWindow::default();
    assert!(window.use_up(usize::try_from(LARGEST).unwrap() + 1).is_err());
}
