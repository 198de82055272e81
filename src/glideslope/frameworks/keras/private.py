"""The private names of Keras that this package uses; a test looks for each of them."""

CHECKED_ON = {"keras": "3.15.1"}  # the version that has all of them

ATTRIBUTES = {
    "keras.optimizers.Optimizer": (
        "_apply_weight_decay", "_get_current_learning_rate", "_iterations", "_learning_rate",
    ),
    "keras.optimizers.Nadam": ("_u_product",),
    "keras.optimizers.SGD on torch": ("_parallel_update_step",),
    "keras.Model": ("_flatten_layers", "_layers", "_trainable_variables"),
}  # fmt: skip
"""The private attributes, by the object that has them."""
