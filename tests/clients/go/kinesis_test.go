package kinesis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

func equal(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func streamNames(ctx context.Context, client *kinesis.Client) []string {
	return must(client.ListStreams(ctx, &kinesis.ListStreamsInput{Limit: aws.Int32(10000)})).StreamNames
}

func TestTheEndpointMayBeGivenInTheCode(t *testing.T) {
	s := newStream(t)
	endpoint := os.Getenv("AWS_ENDPOINT_URL_KINESIS")
	cfg := must(config.LoadDefaultConfig(s.ctx))
	client := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) { o.BaseEndpoint = aws.String(endpoint) })
	equal(t, slices.Contains(streamNames(s.ctx, client), *s.name), true)
}

func TestAStreamLivesFromCreationToDeletion(t *testing.T) {
	s := newStream(t)
	answer := must(s.client.DescribeStream(s.ctx, &kinesis.DescribeStreamInput{StreamName: s.name}))
	description := answer.StreamDescription
	equal(t, description.StreamStatus, types.StreamStatusActive)
	equal(t, *description.Shards[0].ShardId, shardID)
	equal(t, time.Since(*description.StreamCreationTimestamp) < time.Hour, true)
	equal(t, slices.Contains(streamNames(s.ctx, s.client), *s.name), true)

	must(s.client.DeleteStream(s.ctx, &kinesis.DeleteStreamInput{StreamName: s.name}))
	s.waitUntil(func() bool { return !slices.Contains(streamNames(s.ctx, s.client), *s.name) })
}

func TestTagsComeBack(t *testing.T) {
	s := newStream(t)
	must(s.client.AddTagsToStream(s.ctx, &kinesis.AddTagsToStreamInput{
		StreamName: s.name, Tags: map[string]string{"owner": "Zoë"},
	}))
	answer := must(s.client.ListTagsForStream(s.ctx, &kinesis.ListTagsForStreamInput{StreamName: s.name}))
	tags := map[string]string{}
	for _, tag := range answer.Tags {
		tags[*tag.Key] = *tag.Value
	}
	equal(t, tags, map[string]string{"owner": "Zoë", "stage": "test"})
}

func TestOneBinaryRecordComesBackAsItWasPut(t *testing.T) {
	s := newStream(t)
	var everyByte []byte
	for value := range 256 {
		everyByte = append(everyByte, byte(value))
	}
	placed := must(s.client.PutRecord(s.ctx, &kinesis.PutRecordInput{
		StreamName: s.name, PartitionKey: aws.String("Ключ"), Data: everyByte,
	}))
	record := s.page(s.iterator(shardID)).Records[0]
	equal(t, bytes.Equal(record.Data, everyByte), true)
	equal(t, *record.PartitionKey, "Ключ")
	equal(t, *record.SequenceNumber, *placed.SequenceNumber)
}

func TestManyRecordsComeBackInOrder(t *testing.T) {
	s := newStream(t)
	var want []string
	var entries []types.PutRecordsRequestEntry
	for number := range 500 {
		text := fmt.Sprintf("record %d", number)
		want = append(want, text)
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String("key"), Data: []byte(text)})
	}
	answer := must(s.client.PutRecords(s.ctx, &kinesis.PutRecordsInput{StreamName: s.name, Records: entries}))
	equal(t, *answer.FailedRecordCount, int32(0))
	equal(t, textsOf(s.page(s.iterator(shardID)).Records), want)
}

func TestReadingGoesOnFromASplitShardToItsChildren(t *testing.T) {
	s := newStream(t)
	s.put("before")
	page := s.page(s.iterator(shardID))
	equal(t, textsOf(page.Records), []string{"before"})

	s.put("last")
	s.split()
	s.put("after")
	var texts []string
	for page.NextShardIterator != nil {
		equal(t, len(page.ChildShards), 0)
		page = s.page(page.NextShardIterator)
		texts = append(texts, textsOf(page.Records)...)
	}
	equal(t, texts, []string{"last"})

	lower, upper := page.ChildShards[0], page.ChildShards[1]
	equal(t, [][]string{lower.ParentShards, upper.ParentShards}, [][]string{{shardID}, {shardID}})
	equal(t, *upper.HashKeyRange.StartingHashKey, middle)
	// The hash of `key` is in the lower half.
	equal(t, textsOf(s.page(s.iterator(*lower.ShardId)).Records), []string{"after"})
}

func TestAnErrorIsOfItsOwnTypeWithTheTextOfAWS(t *testing.T) {
	ctx := context.Background()
	_, err := newClient(ctx).DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{
		StreamName: aws.String("nowhere"),
	})
	var notFound *types.ResourceNotFoundException
	equal(t, errors.As(err, &notFound), true)
	equal(t, notFound.ErrorMessage(), "Stream nowhere under account 000000000000 not found.")
}

func TestConsumersAreRegisteredListedAndDeregistered(t *testing.T) {
	s := newStream(t)
	consumer := s.register("reader")
	equal(t, strings.HasPrefix(*consumer, *s.arn+"/consumer/reader:"), true)
	_, err := s.client.RegisterStreamConsumer(s.ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: s.arn, ConsumerName: aws.String("reader"),
	})
	var inUse *types.ResourceInUseException
	equal(t, errors.As(err, &inUse), true)
	list := func() []types.Consumer {
		return must(s.client.ListStreamConsumers(s.ctx, &kinesis.ListStreamConsumersInput{StreamARN: s.arn})).Consumers
	}
	equal(t, *list()[0].ConsumerARN, *consumer)
	must(s.client.DeregisterStreamConsumer(s.ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer}))
	s.waitUntil(func() bool { return len(list()) == 0 })
}

func TestRecordsArePushedAsTheyArePut(t *testing.T) {
	s := newStream(t)
	subscription := s.subscribe(s.register("reader"), shardID, types.ShardIteratorTypeLatest)
	first := subscription.next()
	equal(t, len(first.Records), 0)
	equal(t, *first.MillisBehindLatest, int64(0))
	for _, text := range []string{"one", "two", "three"} {
		s.put(text)
		event := subscription.next()
		equal(t, textsOf(event.Records), []string{text})
		equal(t, *event.ContinuationSequenceNumber > *first.ContinuationSequenceNumber, true)
	}
}

func TestASubscriptionFollowsItsShardToTheEndAndThenItsChildren(t *testing.T) {
	s := newStream(t)
	consumer := s.register("reader")
	s.put("before")
	subscription := s.subscribe(consumer, shardID, types.ShardIteratorTypeTrimHorizon)
	equal(t, subscription.texts(1), []string{"before"})
	s.put("last")
	equal(t, subscription.texts(1), []string{"last"})

	s.split()
	end := subscription.next()
	for end.ContinuationSequenceNumber != nil {
		equal(t, len(end.ChildShards), 0)
		end = subscription.next()
	}
	lower, upper := end.ChildShards[0], end.ChildShards[1]
	equal(t, [][]string{lower.ParentShards, upper.ParentShards}, [][]string{{shardID}, {shardID}})
	equal(t, subscription.end(), nil)

	s.put("after")
	next := s.subscribe(consumer, *lower.ShardId, types.ShardIteratorTypeTrimHorizon)
	equal(t, next.texts(1), []string{"after"})
}

func TestASubscriptionEndsWithTheExceptionWhenItsConsumerGoes(t *testing.T) {
	s := newStream(t)
	consumer := s.register("reader")
	subscription := s.subscribe(consumer, shardID, types.ShardIteratorTypeLatest)
	subscription.next()
	must(s.client.DeregisterStreamConsumer(s.ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: consumer}))
	var notFound *types.ResourceNotFoundException
	equal(t, errors.As(subscription.end(), &notFound), true)
}
