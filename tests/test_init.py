"""What importing glideslope gives, and what it says of a framework that isn't there."""

import subprocess
import sys
from pathlib import Path

import pytest

import glideslope as gs


def test_every_public_name_is_there():
    missing = [name for name in gs.__all__ if getattr(gs, name, None) is None]
    assert not missing
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gs.nothing


def test_git_ignores_no_file_of_the_package():
    """A wheel has no file that git ignores, tracked or not."""
    asked = ["git", "check-ignore", "--no-index", "--stdin"]
    root = Path(__file__).parents[1]
    files = [path for path in (root / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    done = subprocess.run(asked, cwd=root, input="\n".join(map(str, files)), capture_output=True, text=True)
    if done.returncode == 128:
        pytest.skip("not in a repository")
    assert len(files) > 300
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "without", "says"),
    [
        ("torch", "torch", 'needs torch, which is not installed: pip install "glideslope[torch]"'),
        ("jax", "jax", 'pip install "glideslope[jax]"'),
        ("keras", "keras", 'pip install "glideslope[keras]"'),
        ("keras", "tensorflow", "set KERAS_BACKEND=torch or jax"),
        ("lightning", "lightning", 'pip install "glideslope[lightning]"'),
        ("lightning", "torch", 'needs torch, which is not installed: pip install "glideslope[lightning]"'),
        ("accelerate", "accelerate", 'pip install "glideslope[accelerate]"'),
        ("transformers", "transformers", 'pip install "glideslope[transformers]"'),
    ],
)
def test_a_missing_framework_is_named_with_its_extra(name, without, says):
    code = (
        "import os, sys; os.environ.pop('KERAS_BACKEND', None)\n"
        f"sys.modules[{without!r}] = None\n"
        "import glideslope as gs\n"
        f"try: gs.{name}\nexcept gs.GlideslopeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert says in done.stdout, done.stderr


def test_a_missing_framework_is_an_attribute_that_is_not_there():
    code = (
        "import sys; sys.modules['lightning'] = None\n"
        "import glideslope as gs\n"
        "print(hasattr(gs, 'lightning'), hasattr(gs, 'layers'), issubclass(gs.FrameworkError, gs.GlideslopeError))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "True"], done.stderr


def test_everything_is_imported_by_a_star_where_no_framework_is():
    code = (
        "import os, sys; os.environ.pop('KERAS_BACKEND', None)\n"
        "for name in ('torch', 'jax', 'optax', 'keras', 'lightning', 'transformers', 'accelerate', 'tensorflow'):\n"
        "    sys.modules[name] = None\n"
        "from glideslope import *\n"
        "print(warmup(4)(1), tune.__name__, plateau())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["0.25", "tune", "plateau()"], done.stderr
    code = (
        "import os, sys; os.environ.pop('KERAS_BACKEND', None)\n"
        "from glideslope import *\n"
        "print([name for name in ('torch', 'jax', 'keras') if name in sys.modules or name in globals()])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_dir_has_what_is_loaded_later():
    assert {"tune", "find", "torch", "jax", "keras", "from_torch", "laws", "cosine"} <= set(dir(gs))
    assert set(gs.__all__) <= set(dir(gs))


def test_each_part_is_there_without_an_import_of_its_own():
    code = "import glideslope as gs; print(gs.search.load_job, gs.laws.fit, gs.layers, gs.batches)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
