"""Nova loads compute drivers from below nova.virt only: compute_driver = splitmem.driver.SplitMemLibvirtDriver."""
from splitmem_nova.driver import SplitMemLibvirtDriver  # noqa: F401
