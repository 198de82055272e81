"""A JAX loop with Optax: a schedule is a learning rate as it stands. The handwritten digits inside scikit-learn.

python examples/jax_loop.py
"""

import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import glideslope as gs

STEPS = 600

digits = load_digits()
parts = train_test_split(digits.data / 16, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
train_x, validation_x, train_y, validation_y = map(jnp.asarray, parts)

schedule = (gs.warmup("5%") >> gs.cosine()).over(STEPS)
optimizer = optax.adamw(1e-2 * schedule)
first, second = jax.random.split(jax.random.key(0))
params = {"first": 0.1 * jax.random.normal(first, (64, 64)), "second": 0.1 * jax.random.normal(second, (64, 10))}
state = optimizer.init(params)


def logits(params, x):
    return jax.nn.relu(x @ params["first"]) @ params["second"]


@jax.jit
def update(params, state, x, y):
    def loss(params):
        return optax.softmax_cross_entropy_with_integer_labels(logits(params, x), y).mean()

    value, gradient = jax.value_and_grad(loss)(params)
    change, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, change), state, value


batches = gs.jax.Batches((train_x, train_y), batch_size=32)
for step in range(STEPS):
    params, state, loss = update(params, state, *batches(step))
    if step % 100 == 0:
        print(f"update {step}: rate {1e-2 * schedule(step):.4f}, loss {loss:.3f}")

accuracy = (logits(params, validation_x).argmax(1) == validation_y).mean()
print(f"validation accuracy {accuracy:.3f}")
