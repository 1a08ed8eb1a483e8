# Log-likelihoods of the test set, then the search with each decoder, whole or in shards.

# Where a search writes, and its share of the utterances. There may be thousands of shards: one file
# of each is declared, written last; the lattices lie beside it.
SHARD, NUMBER, SHARE = "", "", ""
if RECIPE.decode.num_shards > 1:
    SHARD, NUMBER = "shards/{shard}/", "_{shard}"
    SHARE = f" --shard {{wildcards.shard}} --num-shards {RECIPE.decode.num_shards}"


rule nnet_loglikes:
    input:
        rules.merge_features.output.archives,
        of_models(RECIPE, [*NNET.values()]),
        model=of_models(RECIPE, NNET["model"]),
        cuts=f"{ROOT}/{{split}}/data/test/cuts.jsonl.gz",
        cmvn=f"{ROOT}/{{split}}/data/test/cmvn.ark",
    output:
        ark=f"{ROOT}/{{split}}/decode/{{net}}/loglikes.ark",
        scp=f"{ROOT}/{{split}}/decode/{{net}}/loglikes.scp",
    log:
        f"{ROOT}/logs/{{split}}/decode/{{net}}_loglikes.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/decode/{{net}}_loglikes.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        model_dir=subpath(input.model, parent=True),
        code=CODE.of("pipeline.bin.nnet_loglikes"),
    shell:
        "python -m pipeline.bin.nnet_loglikes --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
        " --model-dir {params.model_dir:q} --num-threads {threads}"
        " --output-ark {output.ark:q} --output-scp {output.scp:q} &> {log:q}"


rule gmm_loglikes:
    input:
        rules.merge_features.output.archives,
        of_models(RECIPE, [*GMM.values()]),
        hmm=of_models(RECIPE, GMM["hmm"]),
        cuts=f"{ROOT}/{{split}}/data/test/cuts.jsonl.gz",
        cmvn=f"{ROOT}/{{split}}/data/test/cmvn.ark",
    output:
        ark=f"{ROOT}/{{split}}/decode/{{rung}}/loglikes.ark",
        scp=f"{ROOT}/{{split}}/decode/{{rung}}/loglikes.scp",
    log:
        f"{ROOT}/logs/{{split}}/decode/{{rung}}_loglikes.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/decode/{{rung}}_loglikes.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        model_dir=subpath(input.hmm, parent=True),
        code=CODE.of("pipeline.bin.gmm_loglikes"),
    shell:
        "python -m pipeline.bin.gmm_loglikes --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
        " --model-dir {params.model_dir:q} --output-ark {output.ark:q}"
        " --output-scp {output.scp:q} &> {log:q}"


rule adapted_loglikes:
    # A first search finds the words by which each speaker's fMLLR transform is estimated.
    input:
        rules.merge_features.output.archives,
        of_models(RECIPE, [*GMM.values()]),
        rules.prepare_lang.output,
        lang=rules.prepare_lang.output.lang,
        hmm=of_models(RECIPE, GMM["hmm"]),
        graph=of_models(RECIPE, f"{ROOT}/{{split}}/graph/{{rung}}/{{grammar}}/HCLG.fst"),
        summary=of_models(
            RECIPE, f"{ROOT}/{{split}}/graph/{{rung}}/{{grammar}}/graph.json"
        ),
        cuts=f"{ROOT}/{{split}}/data/test/cuts.jsonl.gz",
        cmvn=f"{ROOT}/{{split}}/data/test/cmvn.ark",
    output:
        ark=f"{ROOT}/{{split}}/decode/{{rung}}/{{grammar}}/loglikes.ark",
        scp=f"{ROOT}/{{split}}/decode/{{rung}}/{{grammar}}/loglikes.scp",
        fmllr=f"{ROOT}/{{split}}/decode/{{rung}}/{{grammar}}/fmllr.ark",
    log:
        f"{ROOT}/logs/{{split}}/decode/{{rung}}_{{grammar}}_loglikes.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/decode/{{rung}}_{{grammar}}_loglikes.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        lang_dir=subpath(input.lang, parent=True),
        model_dir=subpath(input.hmm, parent=True),
        options=lambda wildcards: SEARCH_OPTIONS[wildcards.rung],
        code=CODE.of("pipeline.bin.gmm_loglikes"),
    shell:
        "python -m pipeline.bin.gmm_loglikes --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
        " --model-dir {params.model_dir:q} --graph {input.graph:q} --lang {params.lang_dir:q}"
        " --options {params.options:q} --output-ark {output.ark:q} --output-scp {output.scp:q}"
        " --output-fmllr {output.fmllr:q} &> {log:q}"


rule adapted_nnet_loglikes:
    # The rung that aligned the network's training data also adapts its test speakers.
    input:
        rules.merge_features.output.archives,
        of_models(RECIPE, [*NNET.values()]),
        unpack(
            lambda wildcards: adaptation_files(
                RECIPE, f"{ROOT}/{wildcards.split}", wildcards.net, wildcards.grammar
            )
        ),
        model=of_models(RECIPE, NNET["model"]),
        cuts=f"{ROOT}/{{split}}/data/test/cuts.jsonl.gz",
        cmvn=f"{ROOT}/{{split}}/data/test/cmvn.ark",
    output:
        ark=f"{ROOT}/{{split}}/decode/{{net}}/{{grammar}}/loglikes.ark",
        scp=f"{ROOT}/{{split}}/decode/{{net}}/{{grammar}}/loglikes.scp",
    log:
        f"{ROOT}/logs/{{split}}/decode/{{net}}_{{grammar}}_loglikes.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/decode/{{net}}_{{grammar}}_loglikes.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        model_dir=subpath(input.model, parent=True),
        code=CODE.of("pipeline.bin.nnet_loglikes"),
    shell:
        "python -m pipeline.bin.nnet_loglikes --cuts {input.cuts:q} --cmvn {input.cmvn:q}"
        " --model-dir {params.model_dir:q} --num-threads {threads}"
        " --transform {input.transform:q} --fmllr {input.fmllr:q}"
        " --output-ark {output.ark:q} --output-scp {output.scp:q} &> {log:q}"


rule decode_kaldi:
    input:
        unpack(
            lambda wildcards: search_files(
                RECIPE, f"{ROOT}/{wildcards.split}", wildcards.model, wildcards.grammar
            )
        ),
        words=rules.prepare_lang.output.words,
    output:
        **found_files(
            f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/kaldi/{SHARD}", bool(SHARD)
        ),
    log:
        f"{ROOT}/logs/{{split}}/decode/{{model}}_{{grammar}}_kaldi{NUMBER}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/decode/{{model}}_{{grammar}}_kaldi{NUMBER}.tsv"
    wildcard_constraints:
        grammar=any_of(RECIPE.searched_grammars),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        options=lambda wildcards: SEARCH_OPTIONS[wildcards.model],
        output_dir=subpath(output.hypotheses, parent=True),
        program="pipeline.bin.decode_kaldi",
        code=CODE.of("pipeline.bin.decode_kaldi"),
    shell:
        "python -m {params.program} --graph {input.graph:q} --hmm {input.hmm:q}"
        " --words {input.words:q} --loglikes {input.loglikes:q} --options {params.options:q}"
        f" --output-dir {{params.output_dir:q}}{SHARE} &> {{log:q}}"


use rule decode_kaldi as decode_native with:
    output:
        **found_files(
            f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/native/{SHARD}",
            bool(SHARD),
        ),
    log:
        f"{ROOT}/logs/{{split}}/decode/{{model}}_{{grammar}}_native{NUMBER}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/decode/{{model}}_{{grammar}}_native{NUMBER}.tsv"
    params:
        options=lambda wildcards: SEARCH_OPTIONS[wildcards.model],
        output_dir=subpath(output.hypotheses, parent=True),
        program="pipeline.bin.decode_native",
        code=CODE.of("pipeline.bin.decode_native"),


rule decode_k2:
    # k2 lives in an environment of its own, since it needs an older torch.
    input:
        unpack(
            lambda wildcards: search_files(
                RECIPE, f"{ROOT}/{wildcards.split}", wildcards.model, wildcards.grammar
            )
        ),
        words=rules.prepare_lang.output.words,
    output:
        **found_files(
            f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/k2/{SHARD}", bool(SHARD)
        ),
    log:
        f"{ROOT}/logs/{{split}}/decode/{{model}}_{{grammar}}_k2{NUMBER}.log",
    benchmark:
        f"{ROOT}/benchmarks/{{split}}/decode/{{model}}_{{grammar}}_k2{NUMBER}.tsv"
    wildcard_constraints:
        grammar=any_of(RECIPE.searched_grammars),
    conda:
        "../envs/k2.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        options=lambda wildcards: SEARCH_OPTIONS[wildcards.model],
        output_dir=subpath(output.hypotheses, parent=True),
        code=CODE.of("pipeline.bin.decode_k2"),
    shell:
        '{{ "$K2_PYTHON" -m pipeline.bin.decode_k2 --graph {input.graph:q} --hmm {input.hmm:q}'
        " --words {input.words:q} --loglikes {input.loglikes:q} --options {params.options:q}"
        f" --output-dir {{params.output_dir:q}}{SHARE}; }}}} &> {{log:q}}"


if RECIPE.decode.num_shards > 1:

    rule merge_decoded:
        input:
            [
                f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/shards/{shard}/hypotheses.jsonl"
                for shard in range(RECIPE.decode.num_shards)
            ],
        output:
            hypotheses=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/hypotheses.jsonl",
            lattices=f"{ROOT}/{{split}}/decode/{{model}}/{{grammar}}/{{decoder}}/lattices.jsonl.gz",
        log:
            f"{ROOT}/logs/{{split}}/decode/{{model}}_{{grammar}}_{{decoder}}.log",
        benchmark:
            f"{ROOT}/benchmarks/{{split}}/decode/{{model}}_{{grammar}}_{{decoder}}.tsv"
        wildcard_constraints:
            grammar=any_of(RECIPE.searched_grammars),
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=30,
        params:
            num_shards=RECIPE.decode.num_shards,
            output_dir=subpath(output.hypotheses, parent=True),
            code=CODE.of("pipeline.bin.merge_decoded"),
        shell:
            "python -m pipeline.bin.merge_decoded --num-shards {params.num_shards}"
            " --output-dir {params.output_dir:q} &> {log:q}"
