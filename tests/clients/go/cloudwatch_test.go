package kinesis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func newCloudWatch(ctx context.Context) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
}

func TestMetricsThatWerePutInCloudWatchComeBack(t *testing.T) {
	s := newStream(t)
	client := newCloudWatch(s.ctx)
	stage := []cloudwatchtypes.Dimension{{Name: aws.String("Stage"), Value: aws.String("test")}}
	minute := time.Now().Truncate(time.Minute)
	datum := func(value float64) cloudwatchtypes.MetricDatum {
		return cloudwatchtypes.MetricDatum{
			MetricName: aws.String("Orders"), Dimensions: stage, Timestamp: &minute,
			Value: &value, Unit: cloudwatchtypes.StandardUnitCount,
		}
	}
	must(client.PutMetricData(s.ctx, &cloudwatch.PutMetricDataInput{
		Namespace: s.name, MetricData: []cloudwatchtypes.MetricDatum{datum(1.5), datum(2)},
	}))

	listed := must(client.ListMetrics(s.ctx, &cloudwatch.ListMetricsInput{Namespace: s.name}))
	equal(t, len(listed.Metrics), 1)
	equal(t, *listed.Metrics[0].MetricName, "Orders")
	equal(t, *listed.Metrics[0].Dimensions[0].Value, "test")

	end := minute.Add(time.Minute)
	data := must(client.GetMetricData(s.ctx, &cloudwatch.GetMetricDataInput{
		StartTime: &minute, EndTime: &end,
		MetricDataQueries: []cloudwatchtypes.MetricDataQuery{{
			Id: aws.String("orders"),
			MetricStat: &cloudwatchtypes.MetricStat{
				Metric: &listed.Metrics[0], Period: aws.Int32(60), Stat: aws.String("Sum"),
			},
		}},
	}))
	equal(t, data.MetricDataResults[0].Values, []float64{3.5})
	equal(t, data.MetricDataResults[0].Timestamps[0].Equal(minute), true)

	statistics := must(client.GetMetricStatistics(s.ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: s.name, MetricName: aws.String("Orders"), Dimensions: stage,
		StartTime: &minute, EndTime: &end, Period: aws.Int32(60),
		Statistics: []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticMaximum},
	}))
	equal(t, *statistics.Datapoints[0].Maximum, 2.0)
}

func TestAnErrorOfCloudWatchIsOfItsOwnType(t *testing.T) {
	ctx := context.Background()
	_, err := newCloudWatch(ctx).GetDashboard(ctx, &cloudwatch.GetDashboardInput{
		DashboardName: aws.String("nothing"),
	})
	var notFound *cloudwatchtypes.DashboardNotFoundError
	equal(t, errors.As(err, &notFound), true)
}
