"""A flow that starts by itself, once it is deployed: on working days at six, and whenever an order comes in.

    steprelay deploy examples/scheduled.py

The order comes as an event on the relay's bus: detail-type `order.placed`, detail {"order_id": "A-17"}.
"""

from steprelay import FlowSpec, Parameter, current, schedule, step, trigger


# Six o'clock on working days, summer and winter. EventBridge's own six fields are understood as well.
@schedule(cron="0 6 * * 1-5", timezone="Europe/Berlin")
# The parameter `order` is read from the key `order_id` of the event's detail.
@trigger(event={"name": "order.placed", "parameters": {"order": "order_id"}})
class ScheduledFlow(FlowSpec):
    """Report on all orders, or on the one that an event names."""

    order = Parameter("order", default="all", help="the order to report on")

    @step
    def start(self):
        # Nothing waits between runs: no server, no poller. The run itself is what starts.
        self.started_by = current.origin_kind
        self.next(self.end)

    @step
    def end(self):
        print(f"Report on {self.order}, started by {self.started_by}.")


if __name__ == "__main__":
    ScheduledFlow()
