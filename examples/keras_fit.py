"""A Keras fit on a schedule, by callback: the handwritten digits inside scikit-learn.

KERAS_BACKEND=torch python examples/keras_fit.py
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import glideslope as gs

keras.utils.set_random_seed(0)
digits = load_digits()
parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
train_x, validation_x, train_y, validation_y = parts

model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
model.fit(
    train_x, train_y, epochs=12, batch_size=32, verbose=2,
    callbacks=[gs.keras.Scheduler("warmup(5%) >> cosine")],
)  # fmt: skip
accuracy = model.evaluate(validation_x, validation_y, verbose=0, return_dict=True)["accuracy"]
print(f"validation accuracy {accuracy:.3f}")
