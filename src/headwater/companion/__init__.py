"""The neighbouring services of AWS, and CloudFormation for what is Headwater's."""
