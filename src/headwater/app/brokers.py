"""What settings say of the brokers of a store that several servers share."""

from __future__ import annotations

from headwater.config import Config
from headwater.storage.kafka.security import BrokerSecurity


def broker_security(config: Config) -> BrokerSecurity:
    """What a connection to a broker begins with."""
    return BrokerSecurity(
        config.kafka_security,
        config.kafka_mechanism,
        config.kafka_username,
        config.kafka_password,
        config.kafka_ca,
    )
