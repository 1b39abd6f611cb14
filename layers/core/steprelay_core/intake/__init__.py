"""Taking in what people hand over: uploaded packages, requested runs, and their parameters."""

from steprelay_core.intake.identity import request_run_id, upload_run_id
from steprelay_core.intake.package import read_package
from steprelay_core.intake.parameters import read_parameters

__all__ = ["read_package", "read_parameters", "request_run_id", "upload_run_id"]
