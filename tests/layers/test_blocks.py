"""Multipliers by block, against the rules as timm, ELECTRA and BERT's fine-tuning have them."""

from itertools import pairwise

import jax.numpy as jnp
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import glideslope as gs

keras = pytest.importorskip("keras")
SMALL = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}


class ResNet(nn.Module):
    """The names of torchvision's and timm's."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        for stage in range(1, 5):
            blocks = [nn.ModuleDict({"conv1": nn.Conv2d(4, 4, 3), "bn1": nn.BatchNorm2d(4)}) for _ in range(2)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(4, 2)


def timm_scales(decay, groups):
    """timm's param_groups_layer_decay: decay ** (layer_max - i), i the place of a group from the stem on."""
    layer_max = groups - 1
    return [decay ** (layer_max - i) for i in range(groups)]


def electra_rates(decay, layers):
    """ELECTRA's _get_layer_lrs, of a rate of 1: embeddings have depth 0, a layer 1 more, the task's head n + 2."""
    depths = {"embeddings": 0, "task_specific": layers + 2} | {f"layer_{i}": i + 1 for i in range(layers)}
    return {key: decay ** (layers + 2 - depth) for key, depth in depths.items()}


def of(multipliers, part):
    """The one multiplier of all parameters with a text in their names."""
    (multiplier,) = {by for name, by in multipliers.by_parameter.items() if part in name}
    return multiplier


def test_bert_as_timm_has_it():
    model = transformers.BertForSequenceClassification(
        transformers.BertConfig(num_hidden_layers=4, vocab_size=30, **SMALL)
    )
    found = gs.layers.by_block(model, 0.9)
    scales = timm_scales(0.9, 6)
    parts = ["bert.embeddings.", *(f"encoder.layer.{i}." for i in range(4)), "classifier"]
    assert [of(found, part) for part in parts] == pytest.approx(scales)
    assert of(found, "bert.embeddings.") == pytest.approx(0.9**5)
    assert of(found, "bert.pooler") == 1


def test_electra_as_its_authors_have_it_but_for_the_head():
    config = transformers.ElectraConfig(embedding_size=8, num_hidden_layers=3, vocab_size=30, **SMALL)
    found = gs.layers.by_block(transformers.ElectraForSequenceClassification(config), 0.8)
    theirs = electra_rates(0.8, 3)
    last = 0.8 * theirs["task_specific"]  # theirs has the head one factor further from the last layer
    for part, key in [("electra.embeddings", "embeddings"), *((f"layer.{i}.", f"layer_{i}") for i in range(3))]:
        assert last * of(found, part) == pytest.approx(theirs[key])
    assert of(found, "classifier") == 1


def test_each_block_has_the_same_factor_more_as_in_berts_fine_tuning():
    """Sun et al. 2019: the rate of a layer is that of the one above times a factor."""
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=16, n_layer=12, n_head=2, vocab_size=30))
    found = gs.layers.by_block(model, 0.8)
    rates = [of(found, "wte"), *(of(found, f"transformer.h.{i}.") for i in range(12))]
    assert [low / high for low, high in pairwise(rates)] == pytest.approx([0.8] * 12)
    assert rates[0] == pytest.approx(0.8**13)  # 0.055, where by_depth has 2e-10
    assert of(found, "ln_f") == rates[-1]


def test_vit_and_resnet():
    config = transformers.ViTConfig(num_hidden_layers=2, image_size=32, patch_size=8, **SMALL)
    vit = gs.layers.by_block(transformers.ViTForImageClassification(config), 0.5)
    assert [of(vit, part) for part in ("vit.embeddings", "0.mlp", "1.mlp", "vit.layernorm", "classifier")] == (
        [0.125, 0.25, 0.5, 0.5, 1]
    )
    found = gs.layers.by_block(ResNet(), 0.9)
    scales = timm_scales(0.9, 6)
    assert found.of("conv1.weight") == found.of("bn1.bias") == pytest.approx(scales[0])
    assert [of(found, f"layer{i}.") for i in range(1, 5)] == pytest.approx(scales[1:5])
    assert of(found, "fc.") == scales[5] == 1


def test_an_encoder_and_a_decoder_are_named():
    config = transformers.T5Config(d_model=16, d_ff=16, num_layers=2, num_heads=2, d_kv=8, vocab_size=30)
    model = transformers.T5ForConditionalGeneration(config)
    with pytest.raises(gs.LayerError, match=r"several lists.*'encoder.block', 'decoder.block'"):
        gs.layers.by_block(model, 0.5)
    found = gs.layers.by_block(model, 0.5, blocks=["encoder.block", "decoder.block"])
    lists = [of(found, f"{part}.block.{i}.") for part in ("encoder", "decoder") for i in range(2)]
    assert [of(found, "shared"), *lists] == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    assert (of(found, "encoder.final"), of(found, "decoder.final")) == (1 / 8, 1 / 2)


def test_frozen_blocks_count():
    model = ResNet()
    model.layer1.requires_grad_(False)
    assert of(gs.layers.by_block(model, 0.5), "layer2") == 0.5**3


def test_in_keras_and_jax():
    units = [keras.layers.Dense(4, name=f"block_{i}") for i in range(2)]
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4, name="in"), *units, keras.layers.Dense(2, name="out")]
    )
    found = gs.layers.by_block(model, 0.5)
    assert [of(found, part) for part in ("in/", "block_0", "block_1", "out/")] == [0.125, 0.25, 0.5, 1]

    leaf = {"kernel": jnp.ones((2, 2))}
    params = {"params": {"Block_1": leaf, "Block_0": leaf, "embedder": leaf, "classifier": leaf}}
    found = gs.layers.by_block(params, 0.5)
    assert [of(found, part) for part in ("embedder", "Block_0", "Block_1", "classifier")] == [0.125, 0.25, 0.5, 1]
    params["params"]["mlp"] = leaf
    with pytest.raises(gs.LayerError, match=r"'params.mlp.kernel' may come before .* head="):
        gs.layers.by_block(params, 0.5)
    assert of(gs.layers.by_block(params, 0.5, head=["params.mlp", "params.classifier"]), "mlp") == 1


class EncoderBlock(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)

    def call(self, x):
        return self.dense(x)


def test_names_as_keras_makes_them():
    """The first of several has no number."""
    keras.backend.clear_session()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), *(EncoderBlock() for _ in range(3))])
    model.add(keras.layers.Dense(2))
    found = gs.layers.by_block(model, 0.5)
    parts = [name.split("/")[-3:][0] for name in found.by_parameter if name.endswith("kernel")]
    assert sum("encoder_block" in part for part in parts) == 3
    kernels = [by for name, by in found.by_parameter.items() if name.endswith("kernel")]
    assert kernels == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]


LISTS = (
    "encoder.layer.{}",
    "h.{}",
    "model.layers.{}",
    "blocks.{}",
    "layer{}",
    "stages.{}",
    "encoderblock_{}",
    "trunk.{}",
)


@given(
    st.sampled_from(LISTS),
    st.integers(2, 14),
    st.integers(0, 3),
    st.floats(0.3, 1),
    st.sampled_from(["head", "classifier"]),
)
def test_any_list_of_blocks(pattern, blocks, inner, decay, head):
    """Blocks with lists of their own within them, numbers of two digits, from any first number."""
    leaves = ["weight", *(f"experts.{i}.weight" for i in range(inner))]
    names = [
        "embed.weight",
        *(f"{pattern.format(i)}.{leaf}" for i in range(1, blocks + 1) for leaf in leaves),
        f"{head}.bias",
    ]

    class Model:
        def named_parameters(self):
            return [(name, torch.nn.Parameter(torch.ones(1))) for name in names]

        def named_modules(self):
            return [(name.rpartition(".")[0], nn.Module()) for name in names]

    found = gs.layers.by_block(Model(), decay)
    scales = timm_scales(decay, blocks + 2)
    expected = [scales[0], *(scale for scale in scales[1:-1] for _ in leaves), scales[-1]]
    assert [found.of(name) for name in names] == pytest.approx(expected)


@pytest.mark.parametrize("decay", [0, -1, 1.5, "0.9", True, float("nan")])
def test_a_decay_that_is_none(decay):
    with pytest.raises(gs.LayerError, match="between 0 and 1"):
        gs.layers.by_block(ResNet(), decay)


def test_what_has_no_blocks():
    with pytest.raises(gs.LayerError, match=r"no repeated modules among 0\.weight"):
        gs.layers.by_block(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), 0.9)
    with pytest.raises(gs.LayerError, match=r"'body' isn't a list.*'layer'"):
        gs.layers.by_block(ResNet(), 0.9, blocks="body")
    with pytest.raises(gs.LayerError, match="no parameter is called 'tail'"):
        gs.layers.by_block(ResNet(), 0.9, head="tail")
    for name in ("blocks", "head"):
        with pytest.raises(gs.LayerError, match=f"{name}=5: give a name, or a list of names"):
            gs.layers.by_block(ResNet(), 0.9, **{name: 5})


def test_groups_of_an_optimizer():
    groups = gs.torch.groups(ResNet(), gs.layers.by_block(ResNet(), 0.9), lr=1.0)
    assert sorted(group["lr"] for group in groups) == pytest.approx([0.9**k for k in range(5, -1, -1)])
