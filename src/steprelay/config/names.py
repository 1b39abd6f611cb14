"""What the settings are called: in the environment behind STEPRELAY_ or METAFLOW_, in pyproject.toml in lower case."""

# Name to the field of `Configuration`.
SETTINGS = {
    "BATCH_JOB_QUEUE": "queue",
    "BATCH_CONTAINER_IMAGE": "image",
    "BATCH_CONTAINER_REGISTRY": "registry",
    "ECS_S3_ACCESS_IAM_ROLE": "iam_role",
    "ECS_FARGATE_EXECUTION_ROLE": "execution_role",
    "BATCH_DEFAULT_TAGS": "tags",
}
# Ours alone: METAFLOW_PROFILE names files of Metaflow's own.
STACK = "STACK"
PROFILE = "PROFILE"
