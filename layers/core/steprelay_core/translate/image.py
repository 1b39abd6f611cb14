"""Which image a step runs in, and from which registry it comes."""

from steprelay_core.spec import Batch, Flow
from steprelay_core.translate.inputs import Defaults

# For steps whose flow has no Python class and whose relay has no default: the bootstrap needs some Python.
FALLBACK_IMAGE = "python:3.13"


def with_registry(image: str, registry: str | None) -> str:
    """The image, from this registry unless it names one of its own.

    Docker's rule: what stands before the first `/` is a registry if it looks like a host, by a `.`, a `:` or the
    name localhost; `team/app` is a repository of the default registry.
    """
    host, slash, _ = image.partition("/")
    if not registry or (slash and ("." in host or ":" in host or host == "localhost")):
        return image
    return f"{registry.rstrip('/')}/{image}"


def image_in_use(flow: Flow, batch: Batch, defaults: Defaults) -> str:
    """The step's image, else the relay's, else the official Python of the version that packaged the flow."""
    image = batch.image or defaults.image
    if image is None:
        entrypoint = flow.spec.entrypoint
        image = f"python:{entrypoint.python}" if entrypoint else FALLBACK_IMAGE
    return with_registry(image, defaults.registry)
