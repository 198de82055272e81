"""Ten more small trainings without tables, written after full runs backed off.

They enter `HELD_OUT` beside the sixteen of `held_out_jobs.py`. Two of them changed the search since: the bandit, that a
full run doesn't go back where its validation loss has fallen; the ranking, that a full run that ends little lower than
a short one is followed by a lower peak.
"""

from __future__ import annotations

import torch
from held_out_jobs import Mean, Patches, Positions, held_out, normal
from jobs.data import Batches, digit_images, digits, fashion, split, training
from jobs.parts import Block, Residual, mean_output
from torch import nn
from torch.nn import functional

import glideslope as gs


@held_out(3e-4)
def recalled(seed: int) -> gs.torch.Job:
    """The letter that followed another earlier in a random text, by two attention blocks: a plateau, then a fall.
    AdamW."""
    drawn = torch.Generator().manual_seed(30)
    codes = torch.randint(0, 24, (8000, 24), generator=drawn)
    follows = torch.randint(0, 24, (8000, 24), generator=drawn)
    pairs = torch.stack([codes[:, :11], follows[:, :11] + 24], 2).flatten(1)
    asked = torch.randint(0, 11, (8000,), generator=drawn)
    rows = torch.arange(8000)
    # The last code of the text is one that stands in it; what follows its last appearance is the answer.
    question = codes[rows, asked]
    appears = (codes[:, :11] == question[:, None]).float() * torch.arange(1, 12)
    answer = follows[rows, appears.argmax(1)]
    texts = torch.cat([pairs, question[:, None]], 1)
    torch.manual_seed(seed)

    class Last(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, -1]

    model = nn.Sequential(
        Positions(23, 32), Block(32, 2, causal=True), Block(32, 2, causal=True), Last(), nn.Linear(32, 24)
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return training(model, optimizer, functional.cross_entropy, split([texts, answer], 500), 48)


class Contrast(nn.Module):
    """The loss of telling the other noisy view of each image from those of all others."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(196, 128), nn.ReLU(), nn.Linear(128, 32))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        generator = None if self.training else torch.Generator().manual_seed(0)
        views = [images + 0.7 * torch.randn(images.shape, generator=generator) for _ in range(2)]
        one, other = (functional.normalize(self.layers(view), dim=1) for view in views)
        likeness = one @ other.T / 0.2
        return functional.cross_entropy(likeness, torch.arange(len(images)), reduction="none")


@held_out(3e-4)
def contrastive(seed: int) -> gs.torch.Job:
    """Noisy views of clothes told apart; Adam."""
    (x, _), (u, _) = fashion()
    torch.manual_seed(seed)
    model = Contrast()
    return training(model, torch.optim.Adam(model.parameters(), lr=1e-3), mean_output, ((x, x), (u[:256], u[:256])), 64)


class Bandit(nn.Module):
    """A policy over ten actions; in training it is paid for what it draws, in validation it is measured by what
    it misses on average.

    The training loss is the score function's, with the batch's mean pay taken off.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        states, best = pairs[:, :64], pairs[:, 64].long()
        chances = self.layers(states).log_softmax(1)
        if not self.training:
            return 1 - chances.exp().gather(1, best[:, None])[:, 0]
        actions = torch.multinomial(chances.detach().exp(), 1)
        pay = (actions[:, 0] == best).float() + 0.3 * torch.randn(len(best))
        return -(pay - pay.mean()) * chances.gather(1, actions)[:, 0]


@held_out(3e-4)
def bandit(seed: int) -> gs.torch.Job:
    """A contextual bandit on digits, by the score function: the training loss says nothing, the pay does. Adam."""
    parts = [torch.cat([images, labels[:, None].float()], 1) for images, labels in digits()]
    torch.manual_seed(seed)
    model = Bandit()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, mean_output, ((parts[0], parts[0]), (parts[1], parts[1])), 32)


def pinball(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The loss whose minimum is the quantile of nine tenths."""
    apart = targets - outputs
    return torch.maximum(0.9 * apart, -0.1 * apart).mean()


@held_out(3e-4)
def quantile(seed: int) -> gs.torch.Job:
    """The ninth decile of a skewed target whose spread depends on the inputs; NAdam."""
    x = normal(6000, 12, seed=31)
    spread = (x[:, :1] / 2).exp()
    y = torch.sin(2 * x[:, 1:2]) + spread * normal(6000, 1, seed=32).exp()
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(12, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
    return training(model, torch.optim.NAdam(model.parameters(), lr=1e-3), pinball, split([x, y], 1500), 32)


@held_out(1e-3)
def counts(seed: int) -> gs.torch.Job:
    """Counts with an exponential link, rare and large ones among them; plain SGD, which blows up easily."""
    x = normal(6000, 20, seed=33)
    rates = (x @ normal(20, 1, seed=34) / 4 + 0.5 * torch.relu(x[:, :1])).exp()
    y = torch.poisson(rates, generator=torch.Generator().manual_seed(35))
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return training(model, optimizer, nn.PoissonNLLLoss(full=True), split([x, y], 1500), 16)


class LowRank(nn.Module):
    """A frozen layer, and a product of two narrow ones beside it, the second of which begins at zero."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.narrow = nn.Linear(layer.in_features, rank, bias=False)
        self.wide = nn.Linear(rank, layer.out_features, bias=False)
        nn.init.zeros_(self.wide.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x) + self.wide(self.narrow(x))
        return y


@held_out(3e-4)
def adapted(seed: int) -> gs.torch.Job:
    """A network trained on upright clothes, adapted by low ranks to ones that lie; AdamW."""
    (x, y), (u, v) = fashion()
    torch.manual_seed(36)
    layers = nn.Linear(196, 128), nn.Linear(128, 128), nn.Linear(128, 10)
    upright = nn.Sequential(nn.Flatten(), layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    before = torch.optim.Adam(upright.parameters(), lr=2e-3)
    for batch in torch.randperm(len(x)).split(128)[:150]:
        before.zero_grad()
        functional.cross_entropy(upright(x[batch]), y[batch]).backward()
        before.step()
    torch.manual_seed(seed)
    lows = [LowRank(layer, 4) for layer in layers]
    model = nn.Sequential(nn.Flatten(), lows[0], nn.ReLU(), lows[1], nn.ReLU(), lows[2])
    lying = ((x.rot90(1, (2, 3))[:2000], y[:2000]), (u.rot90(1, (2, 3)), v))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return training(model, torch.optim.AdamW(trained, lr=1e-3), functional.cross_entropy, lying, 16)


@held_out(1e-4)
def waves(seed: int) -> gs.torch.Job:
    """A picture of a digit by a network of sines, at all places between its pixels: a small loss and a cliff. Adam."""
    (images, _), _ = digit_images()
    picture = functional.interpolate(images[:1], size=(64, 64), mode="bicubic", align_corners=True).flatten()
    line = torch.linspace(-1, 1, 64)
    places = torch.stack(torch.meshgrid(line, line, indexing="ij"), 2).reshape(-1, 2)
    torch.manual_seed(seed)

    class Sine(nn.Module):
        def __init__(self, inputs: int, outputs: int, scale: float) -> None:
            super().__init__()
            self.linear, self.scale = nn.Linear(inputs, outputs), scale

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sin(self.scale * self.linear(x))

    model = nn.Sequential(Sine(2, 64, 12.0), Sine(64, 64, 1.5), nn.Linear(64, 1))
    parts = split([places, picture[:, None]], 800)
    return training(model, torch.optim.Adam(model.parameters(), lr=1e-3), functional.mse_loss, parts, 128)


class Ranking(nn.Module):
    """How much less likely a thing that was taken is than one that wasn't."""

    def __init__(self) -> None:
        super().__init__()
        self.people, self.things = nn.Embedding(300, 12), nn.Embedding(200, 12)
        for table in (self.people, self.things):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        person, taken, other = self.people(rows[:, 0]), self.things(rows[:, 1]), self.things(rows[:, 2])
        return functional.softplus((person * (other - taken)).sum(1))


@held_out(0.01)
def ranking(seed: int) -> gs.torch.Job:
    """Which of two things a person takes, by embeddings; Adagrad."""
    drawn = torch.Generator().manual_seed(37)
    people, things = normal(300, 5, seed=38), normal(200, 5, seed=39)
    rows = torch.stack([torch.randint(0, n, (30_000,), generator=drawn) for n in (300, 200, 200)], 1)
    better = (people[rows[:, 0]] * (things[rows[:, 1]] - things[rows[:, 2]])).sum(1) / 2
    swapped = torch.rand(30_000, generator=drawn) > torch.sigmoid(better)
    rows[swapped] = rows[swapped][:, [0, 2, 1]]
    torch.manual_seed(seed)
    model = Ranking()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    return training(model, optimizer, mean_output, split([rows, rows], 3000), 256)


@held_out(0.001)
def deep(seed: int) -> gs.torch.Job:
    """Twelve layers without normalization on clothes, dropout; momentum with clipped gradients."""
    torch.manual_seed(seed)
    hidden = [layer for _ in range(10) for layer in (nn.Linear(64, 64), nn.ReLU())]
    model = nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.ReLU(), *hidden, nn.Dropout(0.1), nn.Linear(64, 10))
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    train, validation = fashion()
    return gs.torch.Job(
        model, optimizer, functional.cross_entropy, Batches(train, 64), [validation], clip_norm=1.0
    )  # fmt: skip


@held_out(3e-3)
def mixed(seed: int) -> gs.torch.Job:
    """Patches of digits mixed by attention, with labels smoothed in training; Adamax."""
    torch.manual_seed(seed)

    class Smoothed(nn.Module):
        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return functional.cross_entropy(outputs, targets, label_smoothing=0.1)

    model = nn.Sequential(
        Patches(32), Residual(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)),
        Block(32, 2, causal=False), Mean(), nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adamax(model.parameters(), lr=2e-3, weight_decay=1e-3)
    return training(model, optimizer, Smoothed(), digit_images(), 32)
