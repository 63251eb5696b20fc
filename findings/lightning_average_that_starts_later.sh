#!/usr/bin/env bash
# Lightning: EMAWeightAveraging(update_starting_at_step=n) gives the untrained network for every validation before step
# n, and after fit, too, if the run ends before; update_starting_at_epoch does not delay anything.
#
# The average is a copy of the network as it was built, and it takes the network's place in validation, in a
# checkpoint's state_dict and at the end of fit, whether it was ever updated or not. A start after 100 000 steps and a
# run that is shortened, or a trial of an epoch, loses what was trained: the loss went to 3e-5, the network that fit
# leaves has its first weights to the bit. Until the start, val_loss is flat, so early stopping ends the run, and
# ModelCheckpoint's best is the first. The trained weights are under current_model_state in a checkpoint of the last
# epoch, and not in one that is saved after fit. With an epoch as start, updates begin after the first step all the
# same, since the two conditions are joined by "or", and each epoch from then on has one update more.
# update_every_n_steps=0 with an epoch leaves updates at the ends of epochs alone. A start that waits is should_update
# of a subclass that looks at both; validation before it remains the first weights'.
# Source: lightning/pytorch/callbacks/weight_averaging.py, should_update, on_validation_epoch_start and on_train_end,
# which do not ask; the page has "during validation and after the training finishes, the current model parameters will
# be replaced with the averaged values". https://github.com/Lightning-AI/pytorch-lightning/issues/21724 (validation,
# open).
# Versions: lightning 2.6.6, torch 2.15.0, on a CPU.
# Seen: the lines at the end; 4 epochs of 8 steps, a network of one layer.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 lightning==2.6.6 numpy
cat >average.py <<'PY'
import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch.utils.data import DataLoader

class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, 1)
        self.first = self.layer.weight.detach().clone()
        self.validated = []

    def loss(self, batch):
        return (self.layer(batch) - batch.sum(1, keepdim=True)).square().mean()

    def training_step(self, batch, index):
        loss = self.loss(batch)
        self.last = loss.item()
        return loss

    def validation_step(self, batch, index):
        self.validated.append(self.loss(batch).item())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

def run(title, *callbacks):
    torch.manual_seed(1)
    model, images = Model(), torch.randn(64, 4)
    start = model.loss(images).item()
    keep = ModelCheckpoint(dirpath=title, filename="epoch", save_top_k=-1)
    trainer = lightning.Trainer(max_epochs=4, accelerator="cpu", logger=False, callbacks=[*callbacks, keep],
                                enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0)
    trainer.fit(model, DataLoader(images, batch_size=8), DataLoader(images, batch_size=64))
    trainer.save_checkpoint("afterwards.ckpt")
    kept, late = (torch.load(path, weights_only=True) for path in (keep.best_model_path, "afterwards.ckpt"))

    def state(weight):
        return "untrained" if torch.equal(weight, model.first) else "trained"
    words = f"{state(model.layer.weight)} after fit; checkpoint: {state(kept['state_dict']['layer.weight'])}"
    if callbacks:
        words += (f", current {state(kept['current_model_state']['layer.weight'])}; after fit: current "
                  f"{state(late['current_model_state']['layer.weight'])}; "
                  f"{int(late['averaging_state']['n_averaged'])} updates")
    validated = " ".join(f"{loss:.2f}" for loss in model.validated)
    print(f"{title}: {start:.2f} untrained, {model.last:.0e} at the end, validated {validated}\n  {words}", flush=True)

run("no average")
run("average of all steps", EMAWeightAveraging(decay=0.9))
run("from step 20 of 32", EMAWeightAveraging(decay=0.9, update_starting_at_step=20))
run("from step 40 of 32", EMAWeightAveraging(decay=0.9, update_starting_at_step=40))
run("from epoch 2 of 4", EMAWeightAveraging(decay=0.9, update_starting_at_epoch=2))
run("from epoch 9 of 4", EMAWeightAveraging(decay=0.9, update_starting_at_epoch=9))
run("from epoch 2, no steps", EMAWeightAveraging(decay=0.9, update_every_n_steps=0, update_starting_at_epoch=2))
PY
OMP_NUM_THREADS=1 venv/bin/python average.py 2>log | tee seen || { cat log; exit 1; }
diff - seen <<'EOT'
no average: 5.23 untrained, 3e-05 at the end, validated 0.14 0.01 0.00 0.00
  trained after fit; checkpoint: trained
average of all steps: 5.23 untrained, 3e-05 at the end, validated 1.67 0.41 0.08 0.02
  trained after fit; checkpoint: trained, current trained; after fit: current trained; 32 updates
from step 20 of 32: 5.23 untrained, 3e-05 at the end, validated 5.23 5.23 0.00 0.00
  trained after fit; checkpoint: trained, current trained; after fit: current trained; 12 updates
from step 40 of 32: 5.23 untrained, 3e-05 at the end, validated 5.23 5.23 5.23 5.23
  untrained after fit; checkpoint: untrained, current trained; after fit: current untrained; 0 updates
from epoch 2 of 4: 5.23 untrained, 3e-05 at the end, validated 1.67 0.41 0.08 0.01
  trained after fit; checkpoint: trained, current trained; after fit: current trained; 34 updates
from epoch 9 of 4: 5.23 untrained, 3e-05 at the end, validated 1.67 0.41 0.08 0.02
  trained after fit; checkpoint: trained, current trained; after fit: current trained; 32 updates
from epoch 2, no steps: 5.23 untrained, 3e-05 at the end, validated 5.23 5.23 5.23 0.00
  trained after fit; checkpoint: trained, current trained; after fit: current trained; 2 updates
EOT
