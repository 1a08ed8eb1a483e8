# Alignments -> a hybrid network, by cross-entropy or, with such a network, by sequence training or
# compression.
#
# No digest of the code here: hours of training should not be lost to an edit; force the stage
# to train again. Checkpoints are not declared, so that they survive a failure and training
# resumes from them.


for net in RECIPE.cross_entropy_networks:

    rule:
        name:
            f"train_{net}"
        input:
            rules.merge_features.output.archives,
            **start_files(RECIPE, f"{ROOT}/{{split}}", net),
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
        output:
            **NNET,
            **epoch_files(RECIPE, ROOT, net),
        log:
            f"{ROOT}/logs/{{split}}/{{net}}/train.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{net}}/train.tsv"
        wildcard_constraints:
            net=net,
        priority: 1  # the chain that all else waits for, before searches
        conda:
            "../../environment.yml"
        threads: RECIPE.nnet[net].training.num_cores
        resources:
            mem_mb=4000,
            runtime=1440,
        params:
            options=to_json(RECIPE.nnet[net], exclude=["sequence"]),
            mfcc=to_json(RECIPE.features, exclude=["num_shards"]),
            adaptation=lambda wildcards, input: adaptation_arguments(input),
            seed=RECIPE.seed,
            output_dir=subpath(output.model, parent=True),
        shell:
            "python -m pipeline.bin.train_nnet --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
            " --alignment {input.alignment:q} --hmm {input.hmm:q}"
            " {params.adaptation} --mfcc {params.mfcc:q} --options {params.options:q} --seed {params.seed} --output-dir {params.output_dir:q}"
            " &> {log:q}"


for net in RECIPE.sequence_networks:

    rule:
        name:
            f"train_{net}"
        input:
            rules.merge_features.output.archives,
            **start_files(RECIPE, f"{ROOT}/{{split}}", net),
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
        output:
            **NNET,
            **epoch_files(RECIPE, ROOT, net),
        log:
            f"{ROOT}/logs/{{split}}/{{net}}/train.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{net}}/train.tsv"
        wildcard_constraints:
            net=net,
        priority: 1  # the chain that all else waits for, before searches
        conda:
            "../../environment.yml"
        threads: RECIPE.nnet[net].training.num_cores
        resources:
            mem_mb=4000,
            runtime=1440,
        params:
            options=to_json(RECIPE.nnet[net]),
            start_dir=subpath(input.start, parent=True),
            adaptation=lambda wildcards, input: adaptation_arguments(input),
            seed=RECIPE.seed,
            output_dir=subpath(output.model, parent=True),
        shell:
            "python -m pipeline.bin.train_sequence --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
            " --alignment {input.alignment:q} --hmm {input.hmm:q} --start-dir {params.start_dir:q}"
            " {params.adaptation} --options {params.options:q} --seed {params.seed}"
            " --output-dir {params.output_dir:q} &> {log:q}"


for net in RECIPE.compressed_networks:

    rule:
        name:
            f"train_{net}"
        input:
            rules.merge_features.output.archives,
            **start_files(RECIPE, f"{ROOT}/{{split}}", net),
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
        output:
            **NNET,
            **epoch_files(RECIPE, ROOT, net),
        log:
            f"{ROOT}/logs/{{split}}/{{net}}/train.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{net}}/train.tsv"
        wildcard_constraints:
            net=net,
        priority: 1  # the chain that all else waits for, before searches
        conda:
            "../../environment.yml"
        threads: RECIPE.nnet[net].training.num_cores
        resources:
            mem_mb=4000,
            runtime=1440,
        params:
            options=to_json(RECIPE.nnet[net]),
            mfcc=to_json(RECIPE.features, exclude=["num_shards"]),
            source_dir=subpath(input.start, parent=True),
            adaptation=lambda wildcards, input: adaptation_arguments(input),
            seed=RECIPE.seed,
            output_dir=subpath(output.model, parent=True),
        shell:
            "python -m pipeline.bin.compress_nnet --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
            " --alignment {input.alignment:q} --hmm {input.hmm:q} --source-dir {params.source_dir:q}"
            " {params.adaptation} --mfcc {params.mfcc:q} --options {params.options:q} --seed {params.seed}"
            " --output-dir {params.output_dir:q} &> {log:q}"


for net in RECIPE.rounded_networks:

    rule:
        name:
            f"train_{net}"
        input:
            start=f"{ROOT}/{{split}}/{RECIPE.nnet[net].source}/model.safetensors",
            description=f"{ROOT}/{{split}}/{RECIPE.nnet[net].source}/model.json",
            hmm=f"{ROOT}/{{split}}/{RECIPE.nnet[net].source}/hmm.json",
            history=f"{ROOT}/{{split}}/{RECIPE.nnet[net].source}/log.jsonl",
        output:
            **NNET,
        log:
            f"{ROOT}/logs/{{split}}/{{net}}/train.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{net}}/train.tsv"
        wildcard_constraints:
            net=net,
        priority: 1  # the chain that all else waits for, before searches
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=60,
        params:
            source_dir=subpath(input.start, parent=True),
            output_dir=subpath(output.model, parent=True),
        shell:
            "python -m pipeline.bin.quantize_nnet --model-dir {params.source_dir:q}"
            " --output-dir {params.output_dir:q} &> {log:q}"
