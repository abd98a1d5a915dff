"""From published weights to int8 TFLite: a program of its own, run by the python of a throw-away environment.

`gatefw models install` copies this folder out of the package, makes an environment with `requirements.txt` and runs
`python -m convert`. Nothing in the product imports it but dlib_network, to refuse a wrong file before an environment is
made for it; and it imports nothing of the product.

    dlib_dat       reads layers out of a dlib file          tflite_writer  writes a float32 TFLite file
    dlib_network   checks and folds what they hold          blazeface      detector: fp16 TFLite -> float TFLite
    dlib_resnet    embedder: dlib ResNet -> float TFLite    compare        int8 against float on drawn pictures
    quantise       float -> int8 with ranges that ship      ranges         ... or that are measured for other weights
"""
