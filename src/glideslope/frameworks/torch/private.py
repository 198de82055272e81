"""The private names of torch, and of trainers on it, that this package uses; a test looks for each of them."""

from torch import _foreach_add_ as foreach_add_
from torch import _foreach_copy_ as foreach_copy_
from torch import _foreach_norm as foreach_norm
from torch import _foreach_sub_ as foreach_sub_
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

__all__ = [
    "ATTRIBUTES", "CHECKED_ON", "DataDependentOutputException", "FakeTensorMode", "foreach_add_", "foreach_copy_",
    "foreach_norm", "foreach_sub_",
]  # fmt: skip

CHECKED_ON = {"torch": "2.13.0", "lightning": "2.6.6", "accelerate": "1.15.0", "transformers": "5.24.0"}
"""The versions that have all of them."""

ATTRIBUTES = {
    "torch.Tensor": ("_version", "_values"),
    "torch.optim.Optimizer": (
        "_optimizer_load_state_dict_post_hooks", "_optimizer_step_post_hooks", "_optimizer_step_pre_hooks",
    ),
    "torch.optim.Adam(fused=True)": ("_step_supports_amp_scaling",),
    "torch.optim.lr_scheduler.LRScheduler": ("_last_lr",),
    "torch.optim.lr_scheduler.ChainedScheduler": ("_schedulers",),
    "torch.optim.lr_scheduler.SequentialLR": ("_schedulers", "_milestones"),
    "torch.optim.lr_scheduler.CyclicLR": ("_scale_fn_custom",),
    "torch.optim.lr_scheduler.OneCycleLR": ("_anneal_func_type", "_schedule_phases"),
    "torch.utils.data.DataLoader's iterator": ("_dataset_fetcher",),
    "torch.compile": ("_orig_mod",),
    "lightning.LightningModule": ("_on_before_batch_transfer",),
    "accelerate.state.GradientState": ("_set_sync_gradients",),
    "transformers.Trainer": ("_prepare_inputs",),
}  # fmt: skip
"""The private attributes, by the object that has them."""
