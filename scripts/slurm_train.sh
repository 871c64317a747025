#!/bin/bash
# A training that survives pre-emption and the time limit of a SLURM queue:
#
#     sbatch scripts/slurm_train.sh CONFIG [KEY=VALUE...]
#
# Whatever stops it, the job is queued again under the same number and goes on from its last epoch. Set partition,
# GPU and time limit for your cluster.
#SBATCH --job-name=drugml
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120
#SBATCH --gres=gpu:1
#SBATCH --time=24:00:00
set -u
runs="runs/$SLURM_JOB_ID" # the number is the same after a requeue
begun=$(find "$runs" -mindepth 3 -maxdepth 3 -name config.yaml 2>/dev/null | head -n 1)
if [ -n "$begun" ]; then
    drugml train --resume "$(dirname "$begun")" &
else
    drugml train "$@" "tracking.folder=$runs" &
fi
child=$!
trap 'kill -TERM "$child"' TERM # bash would keep the signal until the training is over
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do # the trap ended the first wait
    wait "$child"
    code=$?
done
if [ "$code" -eq 143 ] && command -v scontrol >/dev/null; then # 143: stopped by SIGTERM, to be gone on with
    scontrol requeue "$SLURM_JOB_ID"                          # refused, and not needed, where SLURM does it itself
fi
exit "$code"
