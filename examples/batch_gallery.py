"""What `@batch` can ask for, one step for each: sizes, GPUs, images, chips, shared memory, tags, retries, decisions.

python examples/batch_gallery.py run
python examples/batch_gallery.py run --no-large_dataset
steprelay plan examples/batch_gallery.py --platform ec2 --json      the requests that AWS gets, without AWS

What a step asks for can be changed for one run, for all steps or for one:

python examples/batch_gallery.py run --with batch:cpu=8,memory=32768,gpu=1
python examples/batch_gallery.py run --with train_model/batch:gpu=4 --with retry:times=4

GPUs, chips and shared memory need a queue of EC2 instances. The relay on a laptop has none of them: steps print what
they find, and run there as well.
"""

import os
import platform
from multiprocessing import get_context
from multiprocessing.shared_memory import ShareableList
from pathlib import Path

from steprelay import FlowSpec, Parameter, batch, current, retry, step, timeout


class BatchGalleryFlow(FlowSpec):
    """Show each kind of AWS Batch job once."""

    large_dataset = Parameter("large_dataset", default=True, help="whether the last part is worth a job of its own")

    @step
    def start(self):
        # A light step: it fans out in milliseconds, and no container waits for it.
        self.data = list(range(1000))
        self.next(
            self.process_data,
            self.train_model,
            self.custom_environment,
            self.inference,
            self.multiprocess_task,
            self.tagged_job,
            self.environment_variables,
            self.robust_processing,
        )

    @batch(cpu=4, memory=16384)  # vCPUs and MiB: all that most steps need to say
    @step
    def process_data(self):
        self.total = sum(self.data)
        print(f"{len(self.data)} numbers add up to {self.total}")
        self.next(self.gather)

    @batch(cpu=8, memory=32768, gpu=2)  # Batch finds an instance with two GPUs, and keeps them for this job
    @step
    def train_model(self):
        try:
            import torch  # comes with the image; no other step needs it

            self.gpus = torch.cuda.device_count()
        except ImportError:
            self.gpus = 0
        print(f"training on {self.gpus} GPUs")
        self.next(self.gather)

    @batch(image="my-registry.com/ml-image:latest", cpu=4, memory=16384)  # your dependencies, installed beforehand
    @step
    def custom_environment(self):
        print(f"this image has Python {platform.python_version()}")
        self.next(self.gather)

    @batch(cpu=4, memory=16384, inferentia=1)  # /dev/neuron0; `trainium=1` is the same under its other name
    @step
    def inference(self):
        self.chips = sorted(path.name for path in Path("/dev").glob("neuron*"))
        print("AWS Inferentia:", ", ".join(self.chips) or "none here")
        self.next(self.gather)

    @batch(cpu=8, memory=32768, shared_memory=16384)  # /dev/shm, where Docker gives 64 MiB unless asked
    @step
    def multiprocess_task(self):
        squares = ShareableList([0] * 8)
        workers = [get_context("fork").Process(target=squares.__setitem__, args=(n, n * n)) for n in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.squares = list(squares)
        squares.shm.unlink()
        print("eight processes wrote to one list:", self.squares)
        self.next(self.gather)

    # The bill can be split by tags: they are on the job and on the ECS task behind it.
    @batch(cpu=4, memory=8192, aws_batch_tags={"Project": "DataPipeline", "Environment": "Production"})
    @step
    def tagged_job(self):
        print(f"{current.task_id} is paid for by DataPipeline")
        self.next(self.gather)

    @batch
    @step
    def environment_variables(self):
        # AWS Batch tells each job who it is; the relay on a laptop does the same.
        names = ["AWS_BATCH_JOB_ID", "AWS_BATCH_JOB_ATTEMPT", "AWS_BATCH_CE_NAME", "AWS_BATCH_JQ_NAME"]
        self.job = {name: os.environ[name] for name in names}
        print(self.job)
        self.next(self.gather)

    @retry(times=3)  # a failure or a timeout costs one of three more attempts; a lost machine costs none
    @timeout(hours=2)  # for each attempt, counted from its start and not while it waits in the queue
    @batch(cpu=4, memory=16384)
    @step
    def robust_processing(self):
        print(f"attempt {current.attempt} of at most {current.max_attempts}")
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.decide)

    @step
    def decide(self):
        if self.large_dataset:
            self.next(self.batch_process)
        else:
            self.next(self.local_process)

    @batch(cpu=8, memory=32768)
    @step
    def batch_process(self):
        self.mean, self.where = self.total / len(self.data), "a job of its own"
        self.next(self.join)

    @step
    def local_process(self):
        self.mean, self.where = self.total / len(self.data), "a light step"
        self.next(self.join)

    @step
    def join(self):
        # Only one of the two ran, so this is an ordinary step, without `inputs`.
        print(f"The mean is {self.mean}, found by {self.where}.")
        self.next(self.end)

    @step
    def end(self):
        print(f"Eight kinds of jobs ran; one of them was {self.job['AWS_BATCH_JOB_ID']}.")


if __name__ == "__main__":
    BatchGalleryFlow()
