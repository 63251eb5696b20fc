#!/usr/bin/env bash
# Lightning: BackboneFinetuning under strategy="ddp" trains as many backbones as there are ranks. From the epoch that
# unfreezes it on, its gradients are not averaged any more; the head's are.
#
# DistributedDataParallel hooks into what wants gradients when it is built. The callback freezes in `setup`, which comes
# before that, so the backbone has no hooks and never gets any. What is thawed later trains on each rank's own
# share of the data, under a head that is averaged over backbones that drift apart; the checkpoint holds rank 0's, which
# has seen a share of the data by a smaller batch. Nothing is said, and with one device all is right.
# torch's DDP alone does the same to a layer whose requires_grad comes after it. A group of learning rate 0 until the
# epoch, instead of requires_grad, keeps the backbones one.
# Source: lightning/pytorch/callbacks/finetuning.py, BaseFinetuning.setup, and trainer/trainer.py, _run (_call_setup_hook
# comes before strategy.setup); https://github.com/Lightning-AI/pytorch-lightning/issues/20340 (the remedy, too). torch's
# page of DDP: never change parameters after wrapping, since hooks are registered "at the time of construction".
# Versions: lightning 2.6.6, torch 2.15.0, two ranks on a CPU.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 lightning==2.6.6 numpy
cat >tune.py <<'PY'
import sys
import lightning
import torch
from lightning.pytorch.callbacks import BackboneFinetuning

class Model(lightning.LightningModule):
    def __init__(self, by_rate):
        super().__init__()
        torch.manual_seed(0)
        self.by_rate = by_rate
        self.backbone, self.head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)
        self.first = self.backbone.weight.detach().clone()

    def training_step(self, batch, index):
        return (self.head(self.backbone(batch)) - 1).square().mean()

    def configure_optimizers(self):
        if not self.by_rate:
            return torch.optim.SGD([p for p in self.parameters() if p.requires_grad], lr=0.1)
        optimizer = torch.optim.SGD([{"params": self.head.parameters()}, {"params": self.backbone.parameters()}], lr=0.1)
        rates = [lambda epoch: 1.0, lambda epoch: 0.1 * (epoch >= 2)]
        return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, rates)]

    def apart(self, part):
        both = self.all_gather(part.weight.detach())
        return "one" if torch.equal(both[0], both[1]) else "two"

    def on_train_epoch_end(self):
        words = f"{self.apart(self.backbone)} backbone(s), {self.apart(self.head)} head(s)"
        if self.global_rank == 0:
            moved = "at its start" if torch.equal(self.backbone.weight, self.first) else "moved"
            print(f"{sys.argv[1]}, epoch {self.current_epoch}: {words}, {moved}", flush=True)

by_rate = sys.argv[1] == "a rate of 0"
callback = BackboneFinetuning(unfreeze_backbone_at_epoch=2, backbone_initial_lr=0.01)
trainer = lightning.Trainer(max_epochs=4, accelerator="cpu", devices=2, strategy="ddp", logger=False,
                            callbacks=[] if by_rate else [callback], enable_checkpointing=False,
                            enable_progress_bar=False, enable_model_summary=False)
torch.manual_seed(1)
model = Model(by_rate)
trainer.fit(model, torch.utils.data.DataLoader(torch.randn(32, 4), batch_size=4))
trainer.save_checkpoint("last.ckpt")
kept = torch.load("last.ckpt", weights_only=True)["state_dict"]["backbone.weight"]
both = model.all_gather(model.backbone.weight.detach())
if trainer.global_rank == 0:
    print("the checkpoint has the backbone of rank", *[rank for rank in (0, 1) if torch.equal(both[rank], kept)])
PY
cat >bare.py <<'PY'
import torch
import torch.distributed as dist

def work(rank):
    dist.init_process_group("gloo", init_method="file://" + __file__ + ".meet", rank=rank, world_size=2)
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 1))
    layers[0].requires_grad_(False)
    model = torch.nn.parallel.DistributedDataParallel(layers)
    layers[0].requires_grad_(True)
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)
    torch.manual_seed(rank)
    for _ in range(5):
        optimizer.zero_grad()
        (model(torch.randn(8, 4)) - 1).square().mean().backward()
        optimizer.step()
    for name, layer in (("thawed", layers[0]), ("other", layers[1])):
        both = [torch.empty_like(layer.weight) for _ in range(2)]
        dist.all_gather(both, layer.weight.detach())
        if rank == 0:
            print(f"torch alone, the {name} layer: {'one' if torch.equal(*both) else 'two'}", flush=True)
    dist.destroy_process_group()

if __name__ == "__main__":
    torch.multiprocessing.spawn(work, nprocs=2)
PY
export OMP_NUM_THREADS=1
{
  venv/bin/python tune.py "the callback" 2>/dev/null
  venv/bin/python tune.py "a rate of 0" 2>/dev/null
  venv/bin/python "$work/bare.py"
} | tee seen
diff - seen <<'EOT'
the callback, epoch 0: one backbone(s), one head(s), at its start
the callback, epoch 1: one backbone(s), one head(s), at its start
the callback, epoch 2: two backbone(s), one head(s), moved
the callback, epoch 3: two backbone(s), one head(s), moved
the checkpoint has the backbone of rank 0
a rate of 0, epoch 0: one backbone(s), one head(s), at its start
a rate of 0, epoch 1: one backbone(s), one head(s), at its start
a rate of 0, epoch 2: one backbone(s), one head(s), moved
a rate of 0, epoch 3: one backbone(s), one head(s), moved
the checkpoint has the backbone of rank 0 1
torch alone, the thawed layer: two
torch alone, the other layer: one
EOT
