# A trained rung or network -> one transition-id a frame of its training set, and forms that
# others read. A network aligns only if another one learns from it.
#
# rejected.tsv (utterances that cannot be aligned) is not declared: it must survive a failure.


for rung in RECIPE.gmm:

    rule:
        name:
            f"align_{rung}"
        input:
            rules.prepare_lang.output,
            rules.merge_features.output.archives,
            list(GMM.values()),
            lang=rules.prepare_lang.output.lang,
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
            hmm=GMM["hmm"],
        output:
            **ALIGNMENT,
        log:
            f"{ROOT}/logs/{{split}}/{{rung}}/align.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{rung}}/align.tsv"
        wildcard_constraints:
            rung=rung,
        priority: 1  # the chain that all else waits for, before searches
        conda:
            "../../environment.yml"
        threads: 2
        resources:
            mem_mb=4000,
            runtime=60,
        params:
            lang_dir=subpath(input.lang, parent=True),
            model_dir=subpath(input.hmm, parent=True),
            options=to_json(RECIPE.align),
            output_dir=subpath(output.ark, parent=True),
            code=CODE.of("pipeline.bin.align_gmm"),
        shell:
            "python -m pipeline.bin.align_gmm --lang {params.lang_dir:q} --cuts {input.cuts:q}"
            " --cmvn {input.cmvn:q} --model-dir {params.model_dir:q} --options {params.options:q}"
            " --num-threads {threads} --output-dir {params.output_dir:q} &> {log:q}"


for net in RECIPE.aligning_networks:

    rule:
        name:
            f"align_{net}"
        input:
            rules.prepare_lang.output,
            rules.merge_features.output.archives,
            list(NNET.values()),
            **training_adaptation_files(RECIPE, f"{ROOT}/{{split}}", net),
            lang=rules.prepare_lang.output.lang,
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
            cmvn=f"{ROOT}/{{split}}/data/train/cmvn.ark",
            model=NNET["model"],
        output:
            **NNET_ALIGNMENT,
        log:
            f"{ROOT}/logs/{{split}}/{{net}}/align.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{net}}/align.tsv"
        wildcard_constraints:
            net=net,
        priority: 1  # the chain that all else waits for, before searches
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=4000,
            runtime=60,
        params:
            lang_dir=subpath(input.lang, parent=True),
            model_dir=subpath(input.model, parent=True),
            adaptation=lambda wildcards, input: adaptation_arguments(input),
            options=to_json(RECIPE.align),
            output_dir=subpath(output.ark, parent=True),
            code=CODE.of("pipeline.bin.align_nnet"),
        shell:
            "python -m pipeline.bin.align_nnet --lang {params.lang_dir:q} --cuts {input.cuts:q}"
            " --cmvn {input.cmvn:q} --model-dir {params.model_dir:q} {params.adaptation}"
            " --options {params.options:q} --num-threads {threads}"
            " --output-dir {params.output_dir:q} &> {log:q}"


for model in [*RECIPE.gmm, *RECIPE.aligning_networks]:

    rule:
        name:
            f"export_{model}"
        input:
            rules.prepare_lang.output,
            lang=rules.prepare_lang.output.lang,
            hmm=f"{ROOT}/{{split}}/{{aligned}}/hmm.json",
            ark=f"{ROOT}/{{split}}/{{aligned}}/alignment/transition_ids.ark",
            alignment=f"{ROOT}/{{split}}/{{aligned}}/alignment/transition_ids.scp",
            cuts=f"{ROOT}/{{split}}/data/train/cuts.jsonl.gz",
        output:
            phones=f"{ROOT}/{{split}}/{{aligned}}/alignment/phones.ctm",
            words=f"{ROOT}/{{split}}/{{aligned}}/alignment/words.ctm",
            textgrids=f"{ROOT}/{{split}}/{{aligned}}/alignment/textgrids.zip",
            supervisions=f"{ROOT}/{{split}}/{{aligned}}/alignment/supervisions.jsonl.gz",
        log:
            f"{ROOT}/logs/{{split}}/{{aligned}}/export.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/{{aligned}}/export.tsv"
        wildcard_constraints:
            aligned=model,
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=30,
        params:
            lang_dir=subpath(input.lang, parent=True),
            frame_shift_ms=RECIPE.features.frame_shift_ms,
            output_dir=subpath(output.phones, parent=True),
            code=CODE.of("pipeline.bin.export_alignment"),
        shell:
            "python -m pipeline.bin.export_alignment --alignment {input.alignment:q}"
            " --hmm {input.hmm:q} --lang {params.lang_dir:q} --cuts {input.cuts:q}"
            " --frame-shift-ms {params.frame_shift_ms} --output-dir {params.output_dir:q} &> {log:q}"
