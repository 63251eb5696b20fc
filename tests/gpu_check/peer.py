#!/usr/bin/env python3
"""The peer: the training step of bench_step in PyTorch, as its users would make it fast: bfloat16
autocast, scaled_dot_product_attention, torch.compile, fused AdamW and a fused moving average; same
model sizes, batch and mask lengths. Prints one line of JSON."""
import argparse
import copy
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

# name: width, depth, heads, feed-forward width, patch, image side, predictor width and depth
MODELS = {
    "ViT-Tiny/4-32": (192, 12, 3, 768, 4, 32, 192, 6),
    "ViT-S/16-224": (384, 12, 6, 1536, 16, 224, 384, 6),
    "ViT-B/16-224": (768, 12, 12, 3072, 16, 224, 384, 6),
    "ViT-L/16-224": (1024, 24, 16, 4096, 16, 224, 384, 12),
    "ViT-H/14-224": (1280, 32, 16, 5120, 14, 224, 384, 12),
    "ViT-g/16-224": (1408, 40, 16, 6144, 16, 224, 384, 16),
}
TARGETS = 4  # target blocks an image


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(attended.transpose(1, 2).reshape(b, n, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Encoder(nn.Module):
    def __init__(self, width, depth, heads, hidden, patch, side):
        super().__init__()
        self.patch = nn.Conv2d(3, width, patch, patch)
        self.register_buffer("position", torch.randn(1, (side // patch) ** 2, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images, keep=None):
        x = self.patch(images).flatten(2).transpose(1, 2) + self.position
        if keep is not None:
            x = torch.gather(x, 1, keep[..., None].expand(-1, -1, x.shape[-1]))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Predictor(nn.Module):
    def __init__(self, width, depth, heads, encoder_width, tokens):
        super().__init__()
        self.enter, self.leave = nn.Linear(encoder_width, width), nn.Linear(width, encoder_width)
        self.mask = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("position", torch.randn(tokens, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, 4 * width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, context, keep, targets):
        """context (B, Nc, D), keep (B, Nc), targets (K, B, Mt): guesses (K B, Mt, D)."""
        blocks, batch, length = targets.shape
        seen = (self.enter(context) + self.position[keep]).repeat(blocks, 1, 1)
        x = torch.cat([seen, self.mask + self.position[targets.view(blocks * batch, length)]], 1)
        for block in self.blocks:
            x = block(x)
        return self.leave(self.norm(x)[:, -length:])


class Step:
    """One training step: the same work as bench_step's."""

    def __init__(self, arguments):
        width, depth, heads, hidden, patch, side, p_width, p_depth = MODELS[arguments.model]
        self.device, self.batch, self.side = arguments.device, arguments.batch, side
        self.tokens = (side // patch) ** 2
        self.context, self.target = round(arguments.context), round(arguments.target)
        with torch.device(self.device):
            self.encoder = Encoder(width, depth, heads, hidden, patch, side)
            self.predictor = Predictor(p_width, p_depth, heads, width, self.tokens)
        self.teacher = copy.deepcopy(self.encoder).requires_grad_(False)
        self.averaged = list(self.teacher.parameters())
        self.trained = list(self.encoder.parameters())
        on_gpu = self.device.startswith("cuda")
        self.optimizer = torch.optim.AdamW([*self.trained, *self.predictor.parameters()], lr=1e-4,
                                           weight_decay=0.04, fused=on_gpu or None)
        self.pixels = torch.rand(self.batch, 3, side, side, device=self.device)
        self.loss = self.forward if arguments.eager else torch.compile(self.forward)

    def masks(self):
        order = torch.rand(self.batch, self.tokens, device=self.device).argsort(1)
        blocks = torch.rand(TARGETS, self.batch, self.tokens, device=self.device).argsort(2)
        return order[:, :self.context].contiguous(), blocks[:, :, :self.target].contiguous()

    def forward(self, images, keep, targets):
        with torch.no_grad():
            features = self.teacher(images)
            features = F.layer_norm(features, features.shape[-1:]).repeat(TARGETS, 1, 1)
            wanted = targets.reshape(-1, targets.shape[-1], 1).expand(-1, -1, features.shape[-1])
            features = torch.gather(features, 1, wanted)
        guesses = self.predictor(self.encoder(images, keep), keep, targets)
        return F.smooth_l1_loss(guesses.float(), features.float())

    def __call__(self):
        keep, targets = self.masks()
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, dtype=torch.bfloat16):
            loss = self.loss(self.pixels, keep, targets)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(self.averaged, self.trained, 0.004)
        return loss

    def wait(self):
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--context", type=float, required=True, help="tokens of a context mask")
    parser.add_argument("--target", type=float, required=True, help="tokens of a target mask")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    arguments = parser.parse_args()
    torch.manual_seed(1)
    step = Step(arguments)
    for _ in range(1 if arguments.eager else 3):
        loss = step()
    step.wait()
    begin = time.perf_counter()
    for _ in range(arguments.steps):
        loss = step()
    step.wait()
    seconds = (time.perf_counter() - begin) / arguments.steps
    if not torch.isfinite(loss):
        raise SystemExit("the peer's loss is no number")
    print(json.dumps({"model": arguments.model, "images_per_s": arguments.batch / seconds,
                      "ms_per_step": 1e3 * seconds, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
