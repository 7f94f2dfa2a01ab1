//! What the SDK for Rust is expected to do against Headwater.

#![cfg(test)]

use std::env;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerStatus, PutRecordsRequestEntry, Record, ShardIteratorType, StartingPosition, StreamStatus,
    SubscribeToShardEvent,
};

const SHARD: &str = "shardId-000000000000";

/// The hash key in the middle of a stream's range.
fn middle() -> String {
    (1u128 << 127).to_string()
}

/// A client as the SDK makes it by default.
async fn new_client() -> Client {
    let config = aws_config::load_from_env().await;
    Client::new(&config)
}

async fn wait_until<Answer: Future<Output = bool>>(holds: impl Fn() -> Answer) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited too long");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn texts_of(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.data().as_ref().to_vec()).unwrap()).collect()
}

/// A stream of one shard, of one test only.
struct Stream {
    client: Client,
    name: String,
    arn: String,
}

impl Stream {
    async fn create(test: &str) -> Stream {
        let client = new_client().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let name = format!("rust-{test}-{}", now.as_nanos());
        client.create_stream().stream_name(&name).shard_count(1).tags("stage", "test").send().await.unwrap();
        let mut stream = Stream { client, name, arn: String::new() };
        stream.wait_until_active().await;
        let answer = stream.client.describe_stream_summary().stream_name(&stream.name).send().await.unwrap();
        stream.arn = answer.stream_description_summary().unwrap().stream_arn().to_owned();
        stream
    }

    async fn wait_until_active(&self) {
        wait_until(async || {
            let answer = self.client.describe_stream_summary().stream_name(&self.name).send().await.unwrap();
            *answer.stream_description_summary().unwrap().stream_status() == StreamStatus::Active
        })
        .await;
    }

    async fn put(&self, text: &str) {
        let data = Blob::new(text);
        self.client
            .put_record()
            .stream_name(&self.name)
            .partition_key("key")
            .data(data)
            .send()
            .await
            .unwrap();
    }

    async fn split(&self) {
        let split = self.client.split_shard().stream_name(&self.name);
        split.shard_to_split(SHARD).new_starting_hash_key(middle()).send().await.unwrap();
        self.wait_until_active().await;
    }

    /// Register a consumer and wait until it is ACTIVE.
    async fn register(&self, name: &str) -> String {
        let call = self.client.register_stream_consumer().stream_arn(&self.arn).consumer_name(name);
        let arn = call.send().await.unwrap().consumer().unwrap().consumer_arn().to_owned();
        wait_until(async || {
            let answer = self.client.describe_stream_consumer().consumer_arn(&arn).send().await.unwrap();
            *answer.consumer_description().unwrap().consumer_status() == ConsumerStatus::Active
        })
        .await;
        arn
    }

    /// An iterator that begins at the oldest record.
    async fn iterator(&self, shard: &str) -> String {
        let call = self.client.get_shard_iterator().stream_name(&self.name).shard_id(shard);
        let answer = call.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
        answer.shard_iterator().unwrap().to_owned()
    }

    async fn page(&self, iterator: impl Into<String>) -> GetRecordsOutput {
        self.client.get_records().shard_iterator(iterator).send().await.unwrap()
    }

    async fn subscribe(&self, consumer_arn: &str, shard: &str, from: ShardIteratorType) -> Subscription {
        let position = StartingPosition::builder().r#type(from).build().unwrap();
        let call = self.client.subscribe_to_shard().consumer_arn(consumer_arn).shard_id(shard);
        Subscription(call.starting_position(position).send().await.unwrap())
    }

    async fn delete(self) {
        let call = self.client.delete_stream().stream_name(&self.name);
        call.enforce_consumer_deletion(true).send().await.unwrap();
    }
}

/// The events of a subscription, one after the other.
struct Subscription(SubscribeToShardOutput);

impl Subscription {
    /// The next event, or none when the subscription has ended.
    async fn next(&mut self) -> Option<SubscribeToShardEvent> {
        let event = self.0.event_stream.recv().await.unwrap()?;
        Some(event.as_subscribe_to_shard_event().unwrap().clone())
    }

    /// The next records, in however many events they come.
    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.extend(texts_of(self.next().await.unwrap().records()));
        }
        texts
    }
}

#[tokio::test]
async fn the_endpoint_may_be_given_in_the_code() {
    let stream = Stream::create("endpoint").await;
    let endpoint = env::var("AWS_ENDPOINT_URL_KINESIS").unwrap();
    let config = aws_config::from_env().endpoint_url(endpoint).load().await;
    let client = Client::new(&config);
    let answer = client.list_streams().limit(10000).send().await.unwrap();
    assert!(answer.stream_names().contains(&stream.name));
    stream.delete().await;
}

#[tokio::test]
async fn a_stream_lives_from_creation_to_deletion() {
    let stream = Stream::create("life").await;
    let answer = stream.client.describe_stream().stream_name(&stream.name).send().await.unwrap();
    let description = answer.stream_description().unwrap();
    assert_eq!(description.shards()[0].shard_id(), SHARD);
    assert!(description.stream_creation_timestamp().secs() > 1_600_000_000);

    let (client, name) = (stream.client.clone(), stream.name.clone());
    stream.delete().await;
    wait_until(async || {
        let answer = client.list_streams().limit(10000).send().await.unwrap();
        !answer.stream_names().contains(&name)
    })
    .await;
}

#[tokio::test]
async fn tags_come_back() {
    let stream = Stream::create("tags").await;
    stream.client.add_tags_to_stream().stream_name(&stream.name).tags("owner", "Zoë").send().await.unwrap();
    let answer = stream.client.list_tags_for_stream().stream_name(&stream.name).send().await.unwrap();
    let tags: Vec<_> = answer.tags().iter().map(|tag| (tag.key(), tag.value().unwrap())).collect();
    assert_eq!(tags, [("owner", "Zoë"), ("stage", "test")]);
    stream.delete().await;
}

#[tokio::test]
async fn one_binary_record_comes_back_as_it_was_put() {
    let stream = Stream::create("binary").await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let put = stream.client.put_record().stream_name(&stream.name).partition_key("Ключ");
    let placed = put.data(Blob::new(every_byte.clone())).send().await.unwrap();
    let page = stream.page(stream.iterator(SHARD).await).await;
    let record = &page.records()[0];
    assert_eq!(record.data().as_ref(), every_byte);
    assert_eq!(record.partition_key(), Some("Ключ"));
    assert_eq!(record.sequence_number(), placed.sequence_number());
    stream.delete().await;
}

#[tokio::test]
async fn many_records_come_back_in_order() {
    let stream = Stream::create("many").await;
    let texts: Vec<String> = (0..500).map(|number| format!("record {number}")).collect();
    let entry = |text: &String| {
        let data = Blob::new(text.as_bytes());
        PutRecordsRequestEntry::builder().partition_key("key").data(data).build().unwrap()
    };
    let put = stream.client.put_records().stream_name(&stream.name);
    let answer = put.set_records(Some(texts.iter().map(entry).collect())).send().await.unwrap();
    assert_eq!(answer.failed_record_count(), Some(0));
    let page = stream.page(stream.iterator(SHARD).await).await;
    assert_eq!(texts_of(page.records()), texts);
    stream.delete().await;
}

#[tokio::test]
async fn reading_goes_on_from_a_split_shard_to_its_children() {
    let stream = Stream::create("split").await;
    stream.put("before").await;
    let mut page = stream.page(stream.iterator(SHARD).await).await;
    assert_eq!(texts_of(page.records()), ["before"]);

    stream.put("last").await;
    stream.split().await;
    stream.put("after").await;
    let mut texts = Vec::new();
    while let Some(next) = page.next_shard_iterator() {
        assert!(page.child_shards().is_empty());
        page = stream.page(next).await;
        texts.extend(texts_of(page.records()));
    }
    assert_eq!(texts, ["last"]);

    let [lower, upper] = page.child_shards() else { panic!("two children") };
    assert_eq!(
        (lower.parent_shards(), upper.parent_shards()),
        (&[SHARD.to_owned()][..], &[SHARD.to_owned()][..])
    );
    assert_eq!(upper.hash_key_range().unwrap().starting_hash_key(), middle());
    // The hash of `key` is in the lower half.
    let page = stream.page(stream.iterator(lower.shard_id()).await).await;
    assert_eq!(texts_of(page.records()), ["after"]);
    stream.delete().await;
}

#[tokio::test]
async fn an_error_is_of_its_own_kind_with_the_text_of_aws() {
    let call = new_client().await.describe_stream_summary().stream_name("nowhere");
    let error = call.send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception());
    assert_eq!(error.message(), Some("Stream nowhere under account 000000000000 not found."));
}

#[tokio::test]
async fn consumers_are_registered_listed_and_deregistered() {
    let stream = Stream::create("consumers").await;
    let consumer_arn = stream.register("reader").await;
    assert!(consumer_arn.starts_with(&format!("{}/consumer/reader:", stream.arn)));
    let again = stream.client.register_stream_consumer().stream_arn(&stream.arn).consumer_name("reader");
    assert!(again.send().await.unwrap_err().into_service_error().is_resource_in_use_exception());
    let list = stream.client.list_stream_consumers().stream_arn(&stream.arn);
    let listed = list.clone().send().await.unwrap();
    assert_eq!(listed.consumers()[0].consumer_arn(), consumer_arn);
    stream.client.deregister_stream_consumer().consumer_arn(&consumer_arn).send().await.unwrap();
    wait_until(async || list.clone().send().await.unwrap().consumers().is_empty()).await;
    stream.delete().await;
}

#[tokio::test]
async fn records_are_pushed_as_they_are_put() {
    let stream = Stream::create("pushed").await;
    let consumer_arn = stream.register("reader").await;
    let mut subscription = stream.subscribe(&consumer_arn, SHARD, ShardIteratorType::Latest).await;
    let first = subscription.next().await.unwrap();
    assert!(first.records().is_empty());
    assert_eq!(first.millis_behind_latest(), 0);
    for text in ["one", "two", "three"] {
        stream.put(text).await;
        let event = subscription.next().await.unwrap();
        assert_eq!(texts_of(event.records()), [text]);
        assert!(event.continuation_sequence_number() > first.continuation_sequence_number());
    }
    stream.delete().await;
}

#[tokio::test]
async fn a_subscription_follows_its_shard_to_the_end_and_then_its_children() {
    let stream = Stream::create("follows").await;
    let consumer_arn = stream.register("reader").await;
    stream.put("before").await;
    let mut subscription = stream.subscribe(&consumer_arn, SHARD, ShardIteratorType::TrimHorizon).await;
    assert_eq!(subscription.texts(1).await, ["before"]);
    stream.put("last").await;
    assert_eq!(subscription.texts(1).await, ["last"]);

    stream.split().await;
    let mut end = subscription.next().await.unwrap();
    while !end.continuation_sequence_number().is_empty() {
        assert!(end.child_shards().is_empty());
        end = subscription.next().await.unwrap();
    }
    let [lower, upper] = end.child_shards() else { panic!("two children") };
    assert_eq!(
        (lower.parent_shards(), upper.parent_shards()),
        (&[SHARD.to_owned()][..], &[SHARD.to_owned()][..])
    );
    assert!(subscription.next().await.is_none());

    stream.put("after").await;
    let mut next = stream.subscribe(&consumer_arn, lower.shard_id(), ShardIteratorType::TrimHorizon).await;
    assert_eq!(next.texts(1).await, ["after"]);
    stream.delete().await;
}

#[tokio::test]
async fn a_subscription_ends_with_the_exception_when_its_consumer_goes() {
    let stream = Stream::create("ends").await;
    let consumer_arn = stream.register("reader").await;
    let mut subscription = stream.subscribe(&consumer_arn, SHARD, ShardIteratorType::Latest).await;
    subscription.next().await.unwrap();
    stream.client.deregister_stream_consumer().consumer_arn(&consumer_arn).send().await.unwrap();
    let error = loop {
        match subscription.0.event_stream.recv().await {
            Ok(event) => assert!(event.is_some(), "ended without the exception"),
            Err(error) => break error.into_service_error(),
        }
    };
    assert!(error.is_resource_not_found_exception());
    stream.delete().await;
}
