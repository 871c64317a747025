#!/bin/bash
# Trains on several nodes: sbatch scripts/slurm_several_nodes.sh CONFIG [KEY=VALUE ...]
# Not run on a cluster yet; set nodes, GPUs and cores to what yours has.
#SBATCH --job-name=drugml
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
set -euo pipefail
GPUS=4

# one torchrun per node starts a process per GPU; they meet at the first node
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun torchrun \
    --nnodes "$SLURM_NNODES" \
    --nproc-per-node "$GPUS" \
    --rdzv-id "$SLURM_JOB_ID" \
    --rdzv-backend c10d \
    --rdzv-endpoint "$head:29500" \
    -m drugml train "$@" "train.devices=$GPUS" "train.nodes=$SLURM_NNODES"
