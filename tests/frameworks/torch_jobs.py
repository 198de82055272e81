"""Small torch jobs that tests make."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import glideslope as gs

X = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)
DATA = TensorDataset(X, Y)


def network(seed=1):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def of_model(model, batch):
    return cross_entropy(model(batch[0]), batch[1])


def job_of(model, optimizer=None, train=None, validation=None, **options):
    optimizer = optimizer if optimizer is not None else torch.optim.AdamW(model.parameters(), lr=0.01)
    train = train if train is not None else DataLoader(DATA, 8)
    validation = validation if validation is not None else DataLoader(DATA, 20)
    if not options.keys() & {"loss", "batch_loss"}:
        options["loss"] = cross_entropy
    return gs.torch.Job(model, optimizer, train_loader=train, validation_loader=validation, **options)


def losses(job, n, lr=0.01):
    return [float(job.step(lr)) for _ in range(n)]


def same(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = network()

    def forward(self, x, size=None):
        return self.inner(x)


def accuracy(outputs, targets):
    return (outputs.argmax(1) == targets).float().mean()
