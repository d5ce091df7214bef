#!/usr/bin/env bash
# Training with Slurm: a job array, each of whose tasks trains a part of the repetitions of one model. Give it the flags of mach-train:
#
#   sbatch --array=0-3 deploy/slurm-train.sh --preset=eurlex57k --dataset_dir=/shared/data/mine --model_dir=/shared/models/mine
#
# All tasks write the same --model_dir, on a file system with locks, such as NFS 4 or Lustre mounted with -o flock. Options of sbatch before
# the script override those below. Add --gres=gpu:1 for GPUs, and activate the environment of mach_tf first: sbatch hands it on.
#
# Shortly before the time limit, or when it is preempted, a task saves its state. The same command resumes: it trains what is missing.
#SBATCH --job-name=mach-train
#SBATCH --array=0-3
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=mach-train-%A-%a.log
set -euo pipefail
part=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))
# srun does not take over --cpus-per-task by itself.
exec srun --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" mach-train "$@" --repetition_range="$part/$SLURM_ARRAY_TASK_COUNT"
