"""The package: a reproducible archive of code with the spec as its first member."""

from steprelay.package.build import SIZE_LIMIT, Package, build_package
from steprelay.package.files import Member
from steprelay.package.problems import PackageError, PackageProblem
from steprelay.package.read import Contents, read_package

__all__ = [
    "SIZE_LIMIT",
    "Contents",
    "Member",
    "Package",
    "PackageError",
    "PackageProblem",
    "build_package",
    "read_package",
]
