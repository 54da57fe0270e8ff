use super::*;

async fn nothing(queue: &Queue<&'static str>) {
    let waited = tokio::time::timeout(Duration::from_millis(1), queue.next()).await;
    assert_eq!(waited.ok(), None);
}

#[tokio::test(start_paused = true)]
async fn a_key_waits_once_and_is_held_by_one() {
    let queue = Queue::default();
    queue.add("a");
    queue.add("a");
    queue.add("b");
    assert_eq!(queue.next().await, "a");
    queue.add("a");
    assert_eq!(queue.next().await, "b");
    nothing(&queue).await;
    queue.done(&"a");
    assert_eq!(queue.next().await, "a");
    queue.done(&"a");
    queue.done(&"b");
    nothing(&queue).await;
}

#[tokio::test(start_paused = true)]
async fn of_several_delays_the_first_to_end_counts() {
    let queue = Queue::default();
    let begin = Instant::now();
    queue.add_after("a", Duration::from_secs(5));
    queue.add_after("a", Duration::from_secs(2));
    queue.add_after("a", Duration::from_secs(9));
    queue.add_after("b", Duration::from_secs(1));
    assert_eq!((queue.next().await, begin.elapsed().as_secs()), ("b", 1));
    assert_eq!((queue.next().await, begin.elapsed().as_secs()), ("a", 2));
    queue.done(&"a");
    nothing(&queue).await;
}

#[tokio::test(start_paused = true)]
async fn failures_grow_the_delay_up_to_a_bound() {
    let queue = Queue::default();
    let delays: Vec<u64> =
        (0..16).map(|_| u64::try_from(queue.retry("a").as_millis()).expect("a short delay")).collect();
    assert_eq!(delays[..5], [5, 10, 20, 40, 80]);
    assert_eq!(delays[14..], [60_000, 60_000]);
    queue.forget(&"a");
    assert_eq!(queue.retry("a"), Duration::from_millis(5));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken() {
    let queue = Queue::default();
    let waiter = queue.clone();
    let taken = tokio::spawn(async move { waiter.next().await });
    tokio::task::yield_now().await;
    queue.add("a");
    assert_eq!(taken.await.expect("a key"), "a");
}
