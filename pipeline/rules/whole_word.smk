# Single words -> a network that names each at its last frame, and its accuracy on the test set.
#
# As for the hybrid networks there is no digest of the code on training, and checkpoints are not
# declared, so that a killed training resumes.

if RECIPE.whole_word is not None:

    rule train_whole_word:
        input:
            rules.merge_features.output.archives,
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
        output:
            model=f"{ROOT}/{{split}}/whole_word/model.safetensors",
            description=f"{ROOT}/{{split}}/whole_word/model.json",
            words=f"{ROOT}/{{split}}/whole_word/words.txt",
            history=f"{ROOT}/{{split}}/whole_word/log.jsonl",
        log:
            f"{ROOT}/logs/{{split}}/whole_word/train.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/whole_word/train.tsv"
        conda:
            "../../environment.yml"
        threads: RECIPE.whole_word.training.num_threads
        resources:
            mem_mb=4000,
            runtime=240,
        params:
            options=to_json(RECIPE.whole_word),
            seed=RECIPE.seed,
            output_dir=subpath(output.model, parent=True),
        shell:
            "python -m pipeline.bin.train_whole_word --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
            " --options {params.options:q} --seed {params.seed} --output-dir {params.output_dir:q}"
            " &> {log:q}"

    rule score_whole_word:
        input:
            rules.merge_features.output.archives,
            rules.train_whole_word.output,
            cuts=f"{ROOT}/{{split}}/data/test/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/test/cmvn.ark",
        output:
            results=f"{ROOT}/{{split}}/whole_word/results.json",
        log:
            f"{ROOT}/logs/{{split}}/whole_word/score.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/whole_word/score.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            model_dir=subpath(output.results, parent=True),
            code=CODE.of("pipeline.bin.score_whole_word"),
        shell:
            "python -m pipeline.bin.score_whole_word --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
            " --model-dir {params.model_dir:q} --output {output.results:q} &> {log:q}"
