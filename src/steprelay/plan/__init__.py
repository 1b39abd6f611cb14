"""The exact requests that the steps of a flow make of AWS Batch, without AWS."""

from steprelay.plan.build import Plan, PlannedStep, Platform, make_plan

__all__ = ["Plan", "PlannedStep", "Platform", "make_plan"]
