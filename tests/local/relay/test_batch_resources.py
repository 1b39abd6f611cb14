"""What a template asks of the local Batch."""

import json

from steprelay.local.batch_resources import BATCH_RESOURCES, Answer


class ThrottlingBatch:
    """The API of a Batch that refuses every call but each fifth."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, _method: str, path: str, body: bytes) -> Answer:
        self.calls.append(path)
        if len(self.calls) % 5:
            return 429, {}, b'{"message": "Too Many Requests"}'
        return 200, {}, json.dumps({"jobQueueArn": f"arn:{json.loads(body)['jobQueueName']}"}).encode()


def test_a_resource_is_made_although_its_calls_are_throttled() -> None:
    api = ThrottlingBatch()
    assert BATCH_RESOURCES["AWS::Batch::JobQueue"].create(api, {"Priority": "1"}, "queue") == "arn:queue"
    assert api.calls == ["/v1/createjobqueue"] * 5
