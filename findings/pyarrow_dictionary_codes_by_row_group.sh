#!/usr/bin/env bash
# pyarrow: read_dictionary numbers the classes of each row group anew, in the order in which they come there. Who takes
# the codes of the chunks for labels gives one class two numbers.
#
# A column of class names read as a dictionary is the quick way to integer labels: column.chunk(k).indices, or batch by
# batch batch["label"].indices. Each chunk has a dictionary of its own, and the type does not tell. A small file has one
# row group and so one numbering; write_table begins a second one after 1 048 576 rows, and a folder of files has as many
# as files. The labels are in range and each class is as frequent as ever, so the classifier just learns less.
# combine_chunks, unify_dictionaries and to_pandas bring the parts to one numbering, and dictionary_encode of a column
# read as text has one. Of batches that come one by one none of them knows the others: there index_in with a list of
# the classes does it.
# Source: https://arrow.apache.org/docs/python/generated/pyarrow.ChunkedArray.html (unify_dictionaries); the columnar
# format says that the dictionary may differ between record batches, https://arrow.apache.org/docs/format/Columnar.html.
# Versions: pyarrow 26.0.1, numpy 2.4.6, pandas 3.1.1.
# Seen: the lines at the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet pyarrow==26.0.1 numpy==2.4.6 pandas==3.1.1
cat >classes.py <<'PY'
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq

classes = np.array(["ant", "bee", "cat", "dog"])
true = np.random.default_rng(0).integers(0, 4, 1_200_000)
pq.write_table(pa.table({"label": classes[true]}), "images.parquet")
print("row groups:", pq.ParquetFile("images.parquet").num_row_groups)

def judge(name, codes):
    """How many numbers the names have: 4 if each class has one."""
    codes = np.asarray(codes)
    pairs = len(np.unique(codes.astype(np.int64) * 4 + true[:len(codes)]))
    print(f"{name}: {pairs} pairs of a class and a number")

column = pq.read_table("images.parquet", read_dictionary=["label"])["label"]
for chunk in (column.chunk(0), column.chunk(column.num_chunks - 1)):
    print("a chunk's classes:", chunk.dictionary.to_pylist())
judge("indices of the chunks", np.concatenate([chunk.indices.to_numpy() for chunk in column.chunks]))
batches = pq.ParquetFile("images.parquet", read_dictionary=["label"]).iter_batches(65536)
judge("indices of the batches", np.concatenate([batch["label"].indices.to_numpy() for batch in batches]))
form = pa.dataset.ParquetFileFormat(dictionary_columns={"label"})
batches = pa.dataset.dataset("images.parquet", format=form).to_batches()
judge("indices of a dataset's batches", np.concatenate([batch["label"].indices.to_numpy() for batch in batches]))
judge("combine_chunks", column.combine_chunks().indices)
judge("unify_dictionaries", np.concatenate([chunk.indices.to_numpy() for chunk in column.unify_dictionaries().chunks]))
judge("to_pandas", column.to_pandas().cat.codes)
text = pq.read_table("images.parquet")["label"]
judge("read as text, dictionary_encode", np.concatenate([chunk.indices.to_numpy() for chunk in text.dictionary_encode().chunks]))
batches = pq.ParquetFile("images.parquet", read_dictionary=["label"]).iter_batches(65536)
names = pa.array(classes.tolist())
judge("index_in, batch by batch", np.concatenate([pc.index_in(batch["label"].cast(pa.string()), names).to_numpy() for batch in batches]))
PY
venv/bin/python classes.py | tee seen
diff - seen <<'EOT'
row groups: 2
a chunk's classes: ['dog', 'cat', 'bee', 'ant']
a chunk's classes: ['ant', 'dog', 'bee', 'cat']
indices of the chunks: 7 pairs of a class and a number
indices of the batches: 7 pairs of a class and a number
indices of a dataset's batches: 7 pairs of a class and a number
combine_chunks: 4 pairs of a class and a number
unify_dictionaries: 4 pairs of a class and a number
to_pandas: 4 pairs of a class and a number
read as text, dictionary_encode: 4 pairs of a class and a number
index_in, batch by batch: 4 pairs of a class and a number
EOT
