// Package kinesis_test says what the SDK for Go is expected to do against Headwater.
package kinesis_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const shardID = "shardId-000000000000"

// The hash key in the middle of a stream's range.
var middle = new(big.Int).Lsh(big.NewInt(1), 127).String()

// A stream of one shard, of one test only.
type stream struct {
	*testing.T
	ctx    context.Context
	client *kinesis.Client
	name   *string
	arn    *string
}

// must gives the answer of a call that has to succeed.
func must[Answer any](answer Answer, err error) Answer {
	if err != nil {
		panic(err)
	}
	return answer
}

// newClient makes a client as the SDK makes it by default.
func newClient(ctx context.Context) *kinesis.Client {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client := kinesis.NewFromConfig(cfg)
	return client
}

func newStream(t *testing.T) *stream {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	suffix := make([]byte, 6)
	_, _ = rand.Read(suffix)
	s := &stream{T: t, ctx: ctx, client: newClient(ctx), name: aws.String("go-" + hex.EncodeToString(suffix))}
	must(s.client.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName: s.name, ShardCount: aws.Int32(1), Tags: map[string]string{"stage": "test"},
	}))
	t.Cleanup(func() {
		_, _ = s.client.DeleteStream(context.Background(), &kinesis.DeleteStreamInput{
			StreamName: s.name, EnforceConsumerDeletion: aws.Bool(true),
		})
	})
	s.waitUntilActive()
	return s
}

func (s *stream) waitUntil(holds func() bool) {
	for !holds() {
		select {
		case <-s.ctx.Done():
			s.Fatal("waited too long")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *stream) waitUntilActive() {
	s.waitUntil(func() bool {
		answer := must(s.client.DescribeStreamSummary(s.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: s.name}))
		s.arn = answer.StreamDescriptionSummary.StreamARN
		return answer.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive
	})
}

func (s *stream) put(data string) *kinesis.PutRecordOutput {
	return must(s.client.PutRecord(s.ctx, &kinesis.PutRecordInput{
		StreamName: s.name, PartitionKey: aws.String("key"), Data: []byte(data),
	}))
}

func (s *stream) split() {
	must(s.client.SplitShard(s.ctx, &kinesis.SplitShardInput{
		StreamName: s.name, ShardToSplit: aws.String(shardID), NewStartingHashKey: &middle,
	}))
	s.waitUntilActive()
}

// register registers a consumer and waits until it is ACTIVE.
func (s *stream) register(name string) *string {
	registered := must(s.client.RegisterStreamConsumer(s.ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: s.arn, ConsumerName: &name,
	}))
	arn := registered.Consumer.ConsumerARN
	s.waitUntil(func() bool {
		answer := must(s.client.DescribeStreamConsumer(s.ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: arn}))
		return answer.ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive
	})
	return arn
}

// iterator begins at the oldest record.
func (s *stream) iterator(shard string) *string {
	return must(s.client.GetShardIterator(s.ctx, &kinesis.GetShardIteratorInput{
		StreamName: s.name, ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})).ShardIterator
}

func (s *stream) page(iterator *string) *kinesis.GetRecordsOutput {
	return must(s.client.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: iterator}))
}

// subscription gives the events of a subscription one after the other.
type subscription struct {
	*kinesis.SubscribeToShardEventStream
}

func (s *stream) subscribe(consumer *string, shard string, from types.ShardIteratorType) subscription {
	answer := must(s.client.SubscribeToShard(s.ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: &shard, StartingPosition: &types.StartingPosition{Type: from},
	}))
	events := answer.GetStream()
	s.Cleanup(func() { _ = events.Close() })
	return subscription{events}
}

// next gives the next event.
func (s subscription) next() types.SubscribeToShardEvent {
	event, ok := <-s.Events()
	if !ok {
		panic(fmt.Errorf("the subscription ended: %w", s.Err()))
	}
	return event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
}

// end gives what the subscription ends with, after events that nobody wants.
func (s subscription) end() error {
	for range s.Events() {
	}
	return s.Err()
}

// texts gives the next records, in however many events they come.
func (s subscription) texts(count int) []string {
	var texts []string
	for len(texts) < count {
		texts = append(texts, textsOf(s.next().Records)...)
	}
	return texts
}

func textsOf(records []types.Record) []string {
	var texts []string
	for _, record := range records {
		texts = append(texts, string(record.Data))
	}
	return texts
}
