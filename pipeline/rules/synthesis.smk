# Recordings and their alignment -> a voice; what it says, and how much a recogniser understands.
#
# As for the hybrid networks there is no digest of the code on training.


for voice in RECIPE.synthesis:

    rule:
        name:
            f"train_{voice}"
        input:
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            hmm=f"{ROOT}/{{split}}/{RECIPE.synthesis[voice].alignment}/hmm.json",
            alignment=f"{ROOT}/{{split}}/{RECIPE.synthesis[voice].alignment}/alignment/transition_ids.scp",
            ark=f"{ROOT}/{{split}}/{RECIPE.synthesis[voice].alignment}/alignment/transition_ids.ark",
            lang=rules.prepare_lang.output.lang,
        output:
            model=f"{ROOT}/{{split}}/{voice}/model.safetensors",
            description=f"{ROOT}/{{split}}/{voice}/model.json",
            voice=f"{ROOT}/{{split}}/{voice}/voice.json",
            history=f"{ROOT}/{{split}}/{voice}/log.jsonl",
        log:
            f"{ROOT}/logs/{{split}}/{voice}/train.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{voice}/train.tsv"
        conda:
            "../../environment.yml"
        threads: RECIPE.synthesis[voice].training.num_cores
        resources:
            mem_mb=4000,
            runtime=240,
        params:
            lang_dir=subpath(input.lang, parent=True),
            mfcc=to_json(RECIPE.features, exclude=["num_shards"]),
            options=to_json(RECIPE.synthesis[voice], exclude=["judge"]),
            seed=RECIPE.seed,
            output_dir=subpath(output.model, parent=True),
        shell:
            "python -m pipeline.bin.train_voice --cuts {input.cuts:q}"
            " --alignment {input.alignment:q} --hmm {input.hmm:q} --lang {params.lang_dir:q}"
            " --mfcc {params.mfcc:q} --options {params.options:q} --seed {params.seed}"
            " --output-dir {params.output_dir:q} &> {log:q}"

    rule:
        name:
            f"judge_{voice}"
        input:
            rules.prepare_lang.output,
            voice=f"{ROOT}/{{split}}/{voice}/voice.json",
            model=f"{ROOT}/{{split}}/{voice}/model.safetensors",
            cuts=f"{ROOT}/{{split}}/data/test/cuts.jsonl.gz",
            hmm=f"{ROOT}/{{split}}/{RECIPE.synthesis[voice].judge.model}/hmm.json",
            lang=rules.prepare_lang.output.lang,
            graph=f"{ROOT}/{{split}}/graph/{RECIPE.synthesis[voice].judge.model}/{RECIPE.synthesis[voice].judge.grammar}/HCLG.fst",
        output:
            results=f"{ROOT}/{{split}}/{voice}/results.json",
        log:
            f"{ROOT}/logs/{{split}}/{voice}/judge.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{voice}/judge.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=60,
        params:
            voice_dir=subpath(input.voice, parent=True),
            model_dir=subpath(input.hmm, parent=True),
            lang_dir=subpath(input.lang, parent=True),
            mfcc=to_json(RECIPE.features, exclude=["num_shards"]),
            decode=to_json(RECIPE.search_of(RECIPE.synthesis[voice].judge.model)),
            options=to_json(RECIPE.synthesis[voice]),
            seed=RECIPE.seed,
            output_dir=subpath(output.results, parent=True),
            code=CODE.of("pipeline.bin.judge_voice"),
        shell:
            "python -m pipeline.bin.judge_voice --voice-dir {params.voice_dir:q}"
            " --cuts {input.cuts:q} --model-dir {params.model_dir:q} --lang {params.lang_dir:q}"
            " --graph {input.graph:q} --mfcc {params.mfcc:q} --decode {params.decode:q}"
            " --options {params.options:q} --seed {params.seed}"
            " --output-dir {params.output_dir:q} &> {log:q}"
