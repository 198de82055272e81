"""What a job does at each update, and the texts of files that are there after its search."""

LISTED = "[file.read_text() for file in (HERE / 'd').rglob('[!.]*.json')]"
NUMBERED = f"{LISTED}\nN % 3 or (HERE / 'd' / f'epoch{{N}}.json').write_text('1')"
OTHERS = """
if N > 10:
    os.makedirs(HERE / f'tmp{N}', exist_ok=True)
    subprocess.run(['cp', HERE / 'settings.json', HERE / f'tmp{N}/out.json'], check=True)
    (HERE / f'tmp{N}/out.json').read_text()
    shutil.rmtree(HERE / f'tmp{N}')
"""
GOES_ON = {
    "a checkpoint that torch writes in a later run": (
        "p = HERE / 'best.pt'\np.exists() and torch.load(p)\nN > 10 and torch.save({'n': N}, p)", {}),
    "a cache for each run, by torch": (
        "p = HERE / f'cache{N // 11}.pt'\ntry: torch.load(p)\nexcept OSError: torch.save({'n': N}, p)", {}),
    "outputs by torch beside data of their kind": (
        "N > 1 or torch.save(1, HERE / 'd' / 'a.pt')\n[torch.load(p) for p in (HERE / 'd').glob('a*.pt')]\n"
        "torch.save(N, HERE / 'd' / f'epoch{N}.pt')", {"d/epoch99.pt": ""}),
    "outputs beside data, and one of after the last note": (NUMBERED, {"d/epoch99.json": "1"}),
    "what another process writes and the job deletes": (OTHERS, {}),
    "locks and copies of editors and of macOS": (LISTED, {"d/.#a.json": "", "d/._a.json": "", "d/a.json~": ""}),
    "folders of tools": (f"{LISTED}\nlist(HERE.iterdir())", {".tool/a.json": "", "d/.tool/a.json": ""}),
    "metadata of an installed package": (
        "import importlib.metadata as m\nm.version('of_a_job')", {"of_a_job.egg-info/PKG-INFO": "Version: 2"}),
}  # fmt: skip


REFUSED = {
    "deleted elsewhere by its name in a folder": (
        "os.makedirs('cache', exist_ok=True)\nopen('settings.json').close()\n"
        "open('cache/settings.json', 'w').close()\nshutil.rmtree('cache')", {"settings.json": "2"}),
    "a library of C": ("import ctypes\ntry: ctypes.CDLL(str(HERE / 'lib.so'))\nexcept OSError: pass", {"lib.so": "2"}),
    "read by linecache": ("import linecache\nlinecache.getlines(str(HERE / 'settings.json'))", {"settings.json": "2"}),
    "a module whose bytecode lies elsewhere": ("import of_prefix", {"of_prefix.py": "V = 22"}),
    "a new class in a folder of images": (
        "[file.read_text() for file in (HERE / 'images').glob('*/*.txt')]", {"images/c/3.txt": "3"}),
    "read again and again, and opened to write": ("open(HERE / 'settings.json', 'r+').close()", {"settings.json": "2"}),
}  # fmt: skip
