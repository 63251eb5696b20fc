#!/usr/bin/env bash
# albumentations 2.0.8 in torch's DataLoader: all workers draw the same crops, and every epoch draws them again, without
# any seed. Three epochs of 12 images by three workers have 4 crops instead of 36.
#
# A Compose keeps a generator of its own, which is made with it, in the main process. Each worker gets a copy in the state
# of that moment and never hands it back, so the next epoch's workers begin there once more: augmentation of a whole run is
# what one worker drew in one epoch. Images differ, losses move, and a look at batches shows nothing; the network just
# overfits. Up to 1.4.18 draws came from global generators, which DataLoader seeds anew per worker and epoch, and
# torchvision's come from torch's. 2.0.8 is the last release under the MIT licence and what pip installs by this name.
# persistent_workers=True makes epochs differ, not workers; set_random_seed in a worker_init_fn mends both.
# Source: albumentations/core/composition.py (np.random.default_rng(seed), no word of workers);
# https://github.com/albumentations-team/AlbumentationsX/issues/266 (mended there), albumentations/issues/2473 (1.4.18).
# Versions: albumentations 2.0.8, torch 2.15.0.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet torch==2.15.0 albumentations==2.0.8
cat >crops.py <<'PY'
import albumentations as A
import numpy as np
from torch.utils.data import DataLoader, Dataset, get_worker_info

class Crops(Dataset):
    """Gives the place of each crop: a pixel's level is its number."""
    image = np.arange(2048 * 2048, dtype=np.float32).reshape(2048, 2048)  # places enough that no two draws meet

    def __init__(self):
        self.transform = A.Compose([A.RandomCrop(8, 8)])

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return float(self.transform(image=self.image)["image"][0, 0])

def seed(worker):
    info = get_worker_info()
    info.dataset.transform.set_random_seed(info.seed % 2**32)

if __name__ == "__main__":
    for what, options in (("no workers", {}),
                          ("3 workers", {"num_workers": 3}),
                          ("3 workers, persistent", {"num_workers": 3, "persistent_workers": True}),
                          ("3 workers, set_random_seed", {"num_workers": 3, "worker_init_fn": seed})):
        loader = DataLoader(Crops(), batch_size=2, **options)
        epochs = [[place for batch in loader for place in batch.tolist()] for _ in range(3)]
        print(f"{what}: {len(set(epochs[0]))} crops in an epoch of 12, {len(set(sum(epochs, [])))} in three epochs")
PY
NO_ALBUMENTATIONS_UPDATE=1 OMP_NUM_THREADS=1 venv/bin/python crops.py 2>/dev/null | tee seen
diff - seen <<'EOT'
no workers: 12 crops in an epoch of 12, 36 in three epochs
3 workers: 4 crops in an epoch of 12, 4 in three epochs
3 workers, persistent: 4 crops in an epoch of 12, 12 in three epochs
3 workers, set_random_seed: 12 crops in an epoch of 12, 36 in three epochs
EOT
