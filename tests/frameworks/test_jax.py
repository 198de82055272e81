"""A schedule in Optax as it stands, and the JAX job."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import glideslope as gs

SCHEDULE = (gs.warmup(10) >> gs.cosine()).over(50)
EXPECTED = 3e-2 * np.array([SCHEDULE(t) for t in range(60)])


def updates_of(optimizer, steps=60):
    """How far each update of plain SGD moves a parameter whose gradient is 1: the rates."""
    params = jnp.zeros(())
    state = optimizer.init(params)

    @jax.jit
    def step(state):
        change, state = optimizer.update(jnp.ones(()), state, params)
        return -change, state

    moved = []
    for _ in range(steps):
        change, state = step(state)
        moved.append(float(change))
    return moved


def test_a_schedule_is_an_optax_schedule():
    np.testing.assert_allclose(updates_of(optax.sgd(3e-2 * SCHEDULE)), EXPECTED, atol=1e-8)
    injected = optax.inject_hyperparams(optax.sgd)(learning_rate=3e-2 * SCHEDULE)
    np.testing.assert_allclose(updates_of(injected), EXPECTED, atol=1e-8)
    scaled = optax.chain(optax.identity(), optax.scale_by_learning_rate(3e-2 * SCHEDULE))
    np.testing.assert_allclose(updates_of(scaled), EXPECTED, atol=1e-8)


def test_adamw_with_a_schedule_equals_adamw_with_optax_s():
    theirs = optax.warmup_cosine_decay_schedule(0.0, 3e-2, 10, 50)
    np.testing.assert_allclose(
        updates_of(optax.adamw(3e-2 * SCHEDULE)), updates_of(optax.adamw(theirs)), rtol=1e-4, atol=1e-7
    )


def test_under_jit_scan_and_vmap():
    counts = jnp.arange(60)
    np.testing.assert_allclose(jax.vmap(SCHEDULE)(counts), EXPECTED / 3e-2, atol=1e-6)
    np.testing.assert_allclose(jax.jit(SCHEDULE)(counts), EXPECTED / 3e-2, atol=1e-6)
    _, scanned = jax.lax.scan(lambda count, _: (count + 1, SCHEDULE(count)), jnp.zeros((), jnp.int32), length=60)
    np.testing.assert_allclose(scanned, EXPECTED / 3e-2, atol=1e-6)


def test_a_traced_number_is_no_part_of_a_schedule_and_a_traced_peak_multiplies_what_it_gives():
    peaks = jnp.array([0.1, 0.2])
    for transform in (jax.jit, jax.grad, lambda f: lambda peak: jax.vmap(f)(peak[None])):
        for made in (
            lambda number: (number * SCHEDULE)(3),
            lambda number: (SCHEDULE / number)(3),
            lambda number: gs.cosine(final=number).over(50)(3),
            lambda number: gs.cosine().over(number)(3),
        ):
            with pytest.raises(gs.ScheduleError, match=r"JAX traces \(float.*lambda t: peak \* schedule\(t\)"):
                transform(made)(peaks[0])

    def change(peak):
        optimizer = optax.scale_by_schedule(lambda t: peak * SCHEDULE(t))
        return optimizer.update(jnp.ones(()), optax.ScaleByScheduleState(jnp.asarray(3)))[0]

    np.testing.assert_allclose(jax.vmap(change)(peaks), peaks * SCHEDULE(3), rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.grad(change))(peaks), [SCHEDULE(3)] * 2, rtol=1e-6)


def test_an_accumulating_optimizer_counts_updates():
    optimizer = optax.MultiSteps(optax.sgd(3e-2 * SCHEDULE), every_k_schedule=4)
    moved = updates_of(optimizer, 80)
    np.testing.assert_allclose(moved[3::4], EXPECTED[:20], atol=1e-8)


def make_job(seed=0):
    """A network with dropout, whose key is kept beside Adam's state."""
    key = jax.random.key(seed)
    x = jax.random.normal(key, (40, 3))
    y = jnp.sin(x.sum(1))
    params = {"first": 0.5 * jax.random.normal(key, (3, 8)), "second": jnp.zeros(8)}
    adam = optax.inject_hyperparams(optax.adam)(learning_rate=0.0)

    def loss(params, batch, mask):
        return jnp.mean((jnp.tanh(batch[0] @ params["first"]) * mask @ params["second"] - batch[1]) ** 2)

    def update(params, state, batch, lr):
        state, key = state
        key, own = jax.random.split(key)
        value, gradient = jax.value_and_grad(loss)(params, batch, jax.random.bernoulli(own, 0.8, (8,)))
        state.hyperparams["learning_rate"] = lr
        change, state = adam.update(gradient, state, params)
        return optax.apply_updates(params, change), (state, key), value

    return gs.jax.Job(
        params, (adam.init(params), jax.random.PRNGKey(seed)), update, gs.jax.Batches((x, y), 8, seed),
        lambda params: loss(params, (x, y), 0.8),
    )  # fmt: skip


@pytest.mark.parametrize("steps", [3, 7])  # an epoch is 5 updates
def test_the_job_conforms(steps):
    gs.check_job(make_job(), lr=0.01, steps=steps)


def test_a_search_estimates_by_the_function_that_is_given():
    calls = {"all": 0, "part": 0}

    def measured(name, factor):
        def measure(params):
            calls[name] += 1
            return factor * jnp.sum(params**2)

        return measure

    def job(seed, **options):
        params = 1.0 + jax.random.uniform(jax.random.PRNGKey(seed), (3,))
        return gs.jax.Job(
            params,
            (),
            lambda p, s, b, lr: (p - lr * 2 * p, s, jnp.sum(p**2)),
            lambda t: None,
            measured("all", 1),
            **options,
        )

    with_estimates = gs.tune(partial(job, estimate=measured("part", 2)), 200, overhead=1)
    assert calls["part"] > 2 * calls["all"] > 0
    assert with_estimates.final_loss == with_estimates.job.evaluate()
    gs.check_job(job(0, estimate=measured("part", 2)), lr=0.01)
    assert not hasattr(job(0), "estimate")
    with pytest.raises(gs.JobError, match="estimate=3: give a function"):
        job(0, estimate=3)
    with pytest.raises(gs.JobError, match=r"estimate: .*None"):
        job(0, estimate=lambda params: None).estimate(1.0)


def test_a_donating_update_leaves_states_alone():
    donating = jax.jit(lambda p, s, b, lr: (p - lr * p, s + 1, jnp.sum(p)), donate_argnums=(0, 1))
    params = jnp.ones(4)
    job = gs.jax.Job(params, jnp.zeros(()), donating, lambda t: None, lambda p: jnp.sum(p))
    state = job.state()
    job.step(0.5), job.step(0.5)
    job.restore(state)
    assert job.evaluate() == 4.0
    assert job.step(0.5) == 4.0
    assert params[0] == 1.0


def test_batches_go_through_every_example_once_an_epoch():
    batches = gs.jax.Batches((np.arange(10),), 5, seed=3)
    for epoch in range(3):
        seen = np.concatenate([batches(2 * epoch + i)[0] for i in range(2)])
        assert sorted(seen) == list(range(10))
    assert not np.array_equal(batches(0)[0], batches(2)[0])
    assert not np.array_equal(batches(0)[0], batches.reseeded(4)(0)[0])
    np.testing.assert_array_equal(batches(7)[0], gs.jax.Batches((np.arange(10),), 5, seed=3)(7)[0])


@pytest.mark.slow
def test_a_search_drives_it():
    tuned = gs.tune(make_job, 800, against_constant=True)
    assert tuned.final_loss < tuned.constant.final_loss
    assert tuned.search_updates <= 1600


LOSSES = [1.0, 0.5, 0.5, 0.6, 0.25, 0.3, 0.3, 0.3, 0.3, 0.125, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]


@pytest.mark.parametrize(
    "feedback",
    [gs.plateau(0.5, patience=1), gs.plateau(0.5, patience=0, cooldown=2), gs.greedy(0.5, patience=0, cooldown=1),
     gs.plateau(0.5, patience=0) * gs.greedy(0.25, patience=1, mode="max"), gs.linear().over(20) * gs.plateau(0.5, 1)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("between", [None, jnp.nan])
def test_a_feedback_in_an_optax_loop_decides_as_it_does_in_python(feedback, between):
    """Told every second update, under jit, beside the same feedback told in Python."""
    optimizer = optax.chain(optax.sgd(0.4), gs.jax.scale_by_feedback(feedback))
    params = {"w": jnp.ones(3), "half": jnp.ones((), jnp.bfloat16)}
    step = jax.jit(lambda state, loss: optimizer.update(params, state, params, value=loss))
    state, python = optimizer.init(params), feedback.init()
    schedule = getattr(feedback, "schedule", gs.constant())
    cuts = set()
    for t in range(2 * len(LOSSES)):
        loss = between if t % 2 else LOSSES[t // 2]
        change, state = step(state, loss)
        if not t % 2:
            python = feedback.update(python, loss)
        cuts.add(feedback.factor(python))
        np.testing.assert_allclose(change["w"], -0.4 * feedback.factor(python) * schedule(t), rtol=1e-6)
    assert change["half"].dtype == jnp.bfloat16
    assert len(cuts) > 2


def test_a_feedback_in_place_of_a_rate_is_named_with_the_way_to_use_it():
    for make in (optax.adamw, optax.sgd, optax.inject_hyperparams(optax.sgd)):
        with pytest.raises(gs.FeedbackError, match=r"cosine\(\) \* plateau\(\) .*scale_by_feedback.*value=loss"):
            updates_of(make(3e-2 * (gs.cosine() * gs.plateau())), 1)
    with pytest.raises(gs.FeedbackError, match="snapshots"):
        gs.jax.scale_by_feedback(gs.cosine() * gs.guard())
    with pytest.raises(gs.FeedbackError, match="as it stands"):
        gs.jax.scale_by_feedback(gs.cosine())
    with pytest.raises(gs.ScheduleError, match="horizon"):
        gs.jax.scale_by_feedback(gs.cosine() * gs.plateau()).init(jnp.ones(()))


def test_mistakes():
    with pytest.raises(gs.JobError, match=r"lengths \[3, 4\]"):
        gs.jax.Batches((np.ones(3), np.ones(4)), 2)
    with pytest.raises(gs.JobError, match="batch_size=5 of 3"):
        gs.jax.Batches((np.ones(3),), 5)
    with pytest.raises(gs.JobError, match=r"arrays=.*: give a tuple"):
        gs.jax.Batches(np.ones((8, 3)), 2)
    with pytest.raises(gs.JobError, match=r"data=\[1, 2\]: give a function"):
        gs.jax.Job({}, (), lambda *a: a, [1, 2], lambda p: 0.0)
    with pytest.raises(gs.JobError, match=r"update=None: give a function"):
        gs.jax.Job({}, (), None, gs.jax.Batches((np.ones(800),), 5), lambda p: 0.0)
    assert repr(gs.jax.Batches((np.ones(800),), 5)) == "<Batches of 5 of 800 examples>"
    with pytest.raises(gs.JobError, match="momentum"):
        make_job().step(0.1, momentum=0.9)
