"""The retraining loop on images: digits on any machine, CIFAR-10 on a GPU.

:mod:`gpu_experiments.digits` is the exact loop on scikit-learn's digits with a simple classifier,
without torch. The other modules are the loop of :mod:`sim.loop` with image generators: data,
classifiers, rewards, generators, metrics, the prediction of the exact loop, and runs by preset
(``python -m gpu_experiments list``).
"""
