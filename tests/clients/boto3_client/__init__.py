"""What boto3 is expected to do against Headwater; run by test_boto3.py."""
